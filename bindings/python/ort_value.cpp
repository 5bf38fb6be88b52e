// OrtValue: creation, description, numpy and DLPack.
#include "ort_value.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "convert.h"
#include "frontends/onnx/data_types.h"
#include "runtime/session.h"
#include "sparse.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace oriel::python {
namespace {

using Code = nb::dlpack::dtype_code;

// Faults of values are plain RuntimeErrors in Python.
template <typename... Args>
void require(bool condition, fmt::format_string<Args...> text, Args&&... args) {
  if (!condition) throw std::runtime_error(format_arguments(text, fmt::make_format_args(args...)));
}

const Tensor& tensor_of(const PyOrtValue& v) {
  require(v.value.is_tensor(), "Only OrtValues that are Tensors are currently supported");
  return v.value.tensor();
}

ElementType element_named(nb::handle type) {
  try {
    return element_of_object(type);
  } catch (const Error& error) {
    throw std::runtime_error(error.what());
  }
}

PyOrtValue from_numpy(nb::handle array, nb::handle device) {
  require_cpu(device);
  require(nb::hasattr(array, "dtype") && nb::hasattr(array, "shape"),
          "Creation of OrtValues is supported from numpy arrays, got {}",
          nb::cast<std::string>(nb::str(nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(array.ptr()))))));
  return {to_datum(array), nullptr};
}

PyOrtValue make_empty(const std::vector<std::int64_t>& shape, nb::handle type, nb::handle device) {
  require_cpu(device);
  std::int64_t count = 1;
  for (const std::int64_t d : shape) {
    require(d >= 0 && (d == 0 || count <= (std::int64_t{1} << 48) / d), "the shape has the dimension {}", d);
    count *= d;
  }
  Tensor t = Tensor::allocate(element_named(type), Dims(shape.begin(), shape.end()));
  if (t.type() != ElementType::kString && t.bytes() > 0) std::memset(t.raw(), 0, t.bytes());
  return {Datum(std::move(t)), nullptr};
}

// The array's bits as elements of an ONNX type of the same width.
PyOrtValue reinterpreted(nb::handle array, int number) {
  const ElementType wanted = element_named(nb::int_(number));
  const Datum from = to_datum(array);
  const Tensor& t = from.tensor();
  if (t.type() == wanted) return {from, nullptr};
  // Types below a byte come packed: the array's bytes are not one element each, so its dimensions are those of the
  // array as given.
  const int bits = std::max(element_bits(wanted), 8);
  require(t.type() != ElementType::kString && wanted != ElementType::kString && element_bits(t.type()) == bits,
          "Items size in the incoming array: {} bits, specified by onnxtype: {} bits", element_bits(t.type()), bits);
  return {Datum(Tensor(wanted, t.dims(), t.memory(), t.byte_offset())), nullptr};
}

void update(PyOrtValue& self, nb::handle array) {
  const Datum from = to_datum(array);
  const Tensor& source = from.tensor();
  tensor_of(self);
  Tensor& target = self.value.tensor();
  require(source.size() == target.size() && source.type() == target.type(),
          "The input size of numpy arrays does not match the size of the OrtValue: the new contents are {}, the value "
          "is {}",
          source.description(), target.description());
  if (target.type() == ElementType::kString) {
    for (std::int64_t i = 0; i < target.size(); ++i) target.data<std::string>()[i] = source.data<std::string>()[i];
  } else if (target.bytes() > 0) {
    std::memmove(target.raw(), source.raw(), target.bytes());
  }
}

nb::dlpack::dtype dlpack_type(ElementType type) {
  require(type != ElementType::kString && !is_sub_byte(type), "DLPack has no type for {}", element_name(type));
  Code code = Code::UInt;
  if (type == ElementType::kBool) {
    code = Code::Bool;
  } else if (type == ElementType::kBF16) {
    code = Code::Bfloat;
  } else if (is_complex(type)) {
    code = Code::Complex;
  } else if (is_float(type)) {
    require(element_bits(type) >= 16, "DLPack has no type for {}", element_name(type));
    code = Code::Float;
  } else if (is_signed_integer(type)) {
    code = Code::Int;
  }
  nb::dlpack::dtype dtype{};
  dtype.code = static_cast<std::uint8_t>(code);
  dtype.bits = static_cast<std::uint8_t>(element_bits(type));
  dtype.lanes = 1;
  return dtype;
}

nb::object to_dlpack(const PyOrtValue& self, const nb::kwargs& wishes) {
  const Tensor& t = tensor_of(self);
  std::vector<std::size_t> shape(t.dims().begin(), t.dims().end());
  auto* owner = new std::shared_ptr<Memory>(t.memory());
  const nb::capsule keeper(owner, [](void* p) noexcept { delete static_cast<std::shared_ptr<Memory>*>(p); });
  const nb::ndarray<nb::array_api> array(const_cast<void*>(t.raw()), shape.size(), shape.data(), keeper, nullptr,
                                         dlpack_type(t.type()), nb::device::cpu::value);
  return nb::cast(array).attr("__dlpack__")(**wishes);
}

ElementType element_of_dlpack(nb::dlpack::dtype dtype) {
  for (const ElementType type : onnx::kDataTypes) {
    if (type == ElementType::kUndefined || type == ElementType::kString || is_sub_byte(type)) continue;
    if (element_bits(type) < 16 && is_float(type)) continue;
    const nb::dlpack::dtype own = dlpack_type(type);
    if (dtype.lanes == 1 && own.code == dtype.code && own.bits == dtype.bits) return type;
  }
  throw std::runtime_error(formatted("DLPack type {} of {} bits is not supported", static_cast<int>(dtype.code),
                                     static_cast<int>(dtype.bits)));
}

PyOrtValue from_dlpack(nb::handle object, bool is_bool) {
  using Array = nb::ndarray<>;
  const bool capsule = PyCapsule_CheckExact(object.ptr()) != 0;
  if (capsule ? PyCapsule_IsValid(object.ptr(), "dltensor") == 0 : !nb::hasattr(object, "__dlpack__")) {
    throw nb::type_error("from_dlpack expected a valid DLPack capsule named 'dltensor'");
  }
  Array array;
  require(nb::try_cast<Array>(object, array, false),
          "from_dlpack cannot take this tensor: it is read-only, or of a newer DLPack version");
  require(array.device_type() == nb::device::cpu::value, "from_dlpack wants memory of the CPU, got DLPack device {}",
          array.device_type());
  std::int64_t expected = 1;
  bool contiguous = true;
  for (std::size_t i = array.ndim(); i-- > 0;) {
    contiguous = contiguous && (array.shape(i) == 1 || array.stride(i) == expected);
    expected *= static_cast<std::int64_t>(array.shape(i));
  }
  require(contiguous || expected == 0, "ORT only supports contiguous tensor for now.");
  ElementType type = element_of_dlpack(array.dtype());
  if (is_bool && type == ElementType::kU8) type = ElementType::kBool;
  const Dims dims(array.shape_ptr(), array.shape_ptr() + array.ndim());
  void* data = array.data();
  const std::size_t bytes = array.nbytes();
  auto owner = std::shared_ptr<void>(new Array(std::move(array)), [](void* p) {
    const nb::gil_scoped_acquire gil;
    delete static_cast<Array*>(p);
  });
  return {Datum(Tensor(type, dims, borrow_host(data, bytes, std::move(owner)))), nullptr};
}

}  // namespace

namespace {

// Whether a DLPack capsule holds bytes without sign, which is how booleans are lent too. Leaves the capsule as it is.
bool holds_bytes(nb::handle capsule) {
  void* pointer = PyCapsule_GetPointer(capsule.ptr(), "dltensor");
  if (pointer == nullptr) throw nb::python_error();
  const nb::dlpack::dtype dtype = static_cast<const nb::dlpack::dltensor*>(pointer)->dtype;
  return dtype.bits == 8 &&
         (dtype.code == static_cast<std::uint8_t>(Code::UInt) || dtype.code == static_cast<std::uint8_t>(Code::Bool));
}

std::vector<std::int64_t> shape_of(const PyOrtValue& v) {
  const Dims& dims = v.sparse ? v.sparse->dims : tensor_of(v).dims();
  return {dims.begin(), dims.end()};
}

nb::object as_array(const PyOrtValue& v) {
  require(!v.sparse, "Only OrtValues that are Tensors are convertible to Numpy objects");
  return from_datum(v.value);
}

}  // namespace

void bind_ort_value(nb::module_& module) {
  nb::class_<PyOrtValue>(module, "OrtValue", "A tensor, sequence, map or sparse tensor, or nothing.")
      .def_static("ortvalue_from_numpy", &from_numpy, "array"_a, "device"_a)
      .def_static("ortvalue_from_numpy_with_onnx_type", &reinterpreted, "array"_a, "number"_a)
      .def_static("ortvalue_from_shape_and_type", &make_empty, "shape"_a, "type"_a, "device"_a)
      .def_static("ortvalue_from_shape_and_onnx_type", &make_empty, "shape"_a, "type"_a, "device"_a)
      .def_static(
          "over_memory",
          [](nb::handle owner, std::uintptr_t address, const std::vector<std::int64_t>& shape, nb::handle type,
             nb::handle device) {
            require_cpu(device);
            return PyOrtValue{Datum(tensor_at(address, shape, type, owner)), nullptr};
          },
          "owner"_a.none(), "address"_a, "shape"_a, "type"_a, "device"_a, "A tensor over the owner's memory.")
      .def_static(
          "ort_value_from_sparse_tensor",
          [](const PySparseTensor& s) {
            return PyOrtValue{Datum(), s.data};
          },
          "sparse_tensor"_a)
      .def_static("from_dlpack", &from_dlpack, "data"_a, "is_bool_tensor"_a = false)
      .def("as_sparse_tensor",
           [](const PyOrtValue& v) {
             require(v.sparse != nullptr, "This OrtValue does not contain SparseTensor. Check data_type() value.");
             return PySparseTensor{v.sparse};
           })
      .def("__dlpack__", &to_dlpack)
      .def("to_dlpack", [](const PyOrtValue& v) { return to_dlpack(v, nb::kwargs()); })
      .def("__dlpack_device__", [](const PyOrtValue&) { return nb::make_tuple(1, 0); })
      .def("has_value", [](const PyOrtValue& v) { return !v.value.empty() || v.sparse != nullptr; })
      .def("is_tensor", [](const PyOrtValue& v) { return v.value.is_tensor(); })
      .def("is_sparse_tensor", [](const PyOrtValue& v) { return v.sparse != nullptr; })
      .def("is_tensor_sequence", [](const PyOrtValue& v) { return v.value.is_sequence(); })
      .def("device_name", [](const PyOrtValue&) { return "Cpu"; })
      .def("data_type", [](const PyOrtValue& v) { return v.sparse ? v.sparse->type_name() : onnx_type_name(v.value); })
      .def("element_type",
           [](const PyOrtValue& v) {
             if (v.value.is_sequence()) return onnx::element_to_onnx(v.value.sequence().element);
             return onnx::element_to_onnx(v.sparse ? v.sparse->values.type() : tensor_of(v).type());
           })
      .def("shape", &shape_of)
      .def("data_ptr", [](const PyOrtValue& v) { return reinterpret_cast<std::uintptr_t>(tensor_of(v).raw()); })
      .def("tensor_size_in_bytes",
           [](const PyOrtValue& v) {
             require(tensor_of(v).type() != ElementType::kString, "a tensor of strings has no size in bytes");
             return v.value.tensor().bytes();
           })
      .def("numpy", &as_array)
      .def(
          "__array__",
          [](const PyOrtValue& v, nb::handle dtype, nb::handle copy) {
            const nb::object array = as_array(v);
            const bool forced = !copy.is_none() && nb::cast<bool>(copy);
            if (dtype.is_none()) return forced ? nb::object(array.attr("copy")()) : array;
            return nb::object(array.attr("astype")(dtype, nb::arg("copy") = forced));
          },
          "dtype"_a.none() = nb::none(), "copy"_a.none() = nb::none())
      .def("update_inplace", &update, "data"_a)
      .def("_is_webgpu_buffer", [](const PyOrtValue&) { return false; });
  module.def("is_dlpack_uint8_tensor", &holds_bytes, "capsule"_a);
}

}  // namespace oriel::python
