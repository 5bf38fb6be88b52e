// OrtValue: creation, description, numpy and DLPack.
#include "ort_value.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "convert.h"
#include "frontends/onnx/data_types.h"
#include "runtime/session.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace oriel::python {
namespace {

using Code = nb::dlpack::dtype_code;

PyOrtValue make_empty(const std::vector<std::int64_t>& shape, nb::handle type) {
  for (const std::int64_t d : shape) ORIEL_REQUIRE(d >= 0, "a dimension is {}", d);
  Tensor t = Tensor::allocate(element_of_object(type), Dims(shape.begin(), shape.end()));
  if (t.type() != ElementType::kString && t.bytes() > 0) std::memset(t.raw(), 0, t.bytes());
  return {Datum(std::move(t))};
}

// The array's bits as elements of an ONNX type of the same width.
PyOrtValue reinterpreted(nb::handle array, int number) {
  const ElementType wanted = element_of_object(nb::int_(number));
  const Datum from = to_datum(array);
  const Tensor& t = from.tensor();
  if (t.type() == wanted) return {from};
  ORIEL_REQUIRE(t.type() != ElementType::kString && wanted != ElementType::kString && element_bits(t.type()) == element_bits(wanted),
                "elements of {} cannot stand for {}", element_name(t.type()), element_name(wanted));
  return {Datum(Tensor(wanted, t.dims(), t.memory(), t.byte_offset()))};
}

void update(PyOrtValue& self, nb::handle array) {
  const Datum from = to_datum(array);
  const Tensor& source = from.tensor();
  Tensor& target = self.value.tensor();
  if (source.dims() != target.dims() || source.type() != target.type()) {
    throw std::runtime_error(formatted("the new contents are {}, the value is {}", source.description(), target.description()));
  }
  if (target.type() == ElementType::kString) {
    for (std::int64_t i = 0; i < target.size(); ++i) target.data<std::string>()[i] = source.data<std::string>()[i];
  } else if (target.bytes() > 0) {
    std::memmove(target.raw(), source.raw(), target.bytes());
  }
}

nb::dlpack::dtype dlpack_type(ElementType type) {
  ORIEL_REQUIRE(type != ElementType::kString && !is_sub_byte(type), "DLPack has no type for {}", element_name(type));
  Code code = Code::UInt;
  if (type == ElementType::kBool) {
    code = Code::Bool;
  } else if (type == ElementType::kBF16) {
    code = Code::Bfloat;
  } else if (is_complex(type)) {
    code = Code::Complex;
  } else if (is_float(type)) {
    ORIEL_REQUIRE(element_bits(type) >= 16, "DLPack has no type for {}", element_name(type));
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
  const Tensor& t = self.value.tensor();
  std::vector<std::size_t> shape(t.dims().begin(), t.dims().end());
  auto* owner = new std::shared_ptr<Memory>(t.memory());
  const nb::capsule keeper(owner, [](void* p) noexcept { delete static_cast<std::shared_ptr<Memory>*>(p); });
  const nb::ndarray<nb::array_api> array(const_cast<void*>(t.raw()), shape.size(), shape.data(), keeper, nullptr, dlpack_type(t.type()),
                                         nb::device::cpu::value);
  return nb::cast(array).attr("__dlpack__")(**wishes);
}

ElementType element_of_dlpack(nb::dlpack::dtype dtype) {
  for (const ElementType type : onnx::kDataTypes) {
    if (type == ElementType::kUndefined || type == ElementType::kString || is_sub_byte(type)) continue;
    if (element_bits(type) < 16 && is_float(type)) continue;
    const nb::dlpack::dtype own = dlpack_type(type);
    if (dtype.lanes == 1 && own.code == dtype.code && own.bits == dtype.bits) return type;
  }
  fail(ErrorCode::kInvalidArgument, "DLPack type {} of {} bits is not supported", static_cast<int>(dtype.code), static_cast<int>(dtype.bits));
}

PyOrtValue from_dlpack(nb::handle object, bool is_bool) {
  using Array = nb::ndarray<nb::c_contig>;
  Array array;
  if (!nb::try_cast<Array>(object, array, false)) {
    fail(ErrorCode::kInvalidArgument, "from_dlpack wants a C-contiguous tensor that DLPack can lend");
  }
  ORIEL_REQUIRE(array.device_type() == nb::device::cpu::value, "from_dlpack wants memory of the CPU, got DLPack device {}", array.device_type());
  ElementType type = element_of_dlpack(array.dtype());
  if (is_bool && type == ElementType::kU8) type = ElementType::kBool;
  const Dims dims(array.shape_ptr(), array.shape_ptr() + array.ndim());
  void* data = array.data();
  const std::size_t bytes = array.nbytes();
  auto owner = std::shared_ptr<void>(new Array(std::move(array)), [](void* p) {
    const nb::gil_scoped_acquire gil;
    delete static_cast<Array*>(p);
  });
  return {Datum(Tensor(type, dims, borrow_host(data, bytes, std::move(owner))))};
}

}  // namespace

void bind_ort_value(nb::module_& module) {
  nb::class_<PyOrtValue>(module, "OrtValue", "A tensor, sequence or map, or nothing.")
      .def_static("from_object", [](nb::handle object) { return PyOrtValue{to_datum(object)}; }, "object"_a)
      .def_static("from_object_with_onnx_type", &reinterpreted, "array"_a, "number"_a)
      .def_static("empty", &make_empty, "shape"_a, "type"_a)
      .def_static("from_dlpack", &from_dlpack, "data"_a, "is_bool_tensor"_a = false)
      .def("__dlpack__", &to_dlpack)
      .def("has_value", [](const PyOrtValue& v) { return !v.value.empty(); })
      .def("is_tensor", [](const PyOrtValue& v) { return v.value.is_tensor(); })
      .def("is_tensor_sequence", [](const PyOrtValue& v) { return v.value.is_sequence(); })
      .def("data_type", [](const PyOrtValue& v) { return onnx_type_name(v.value); })
      .def("element_type", [](const PyOrtValue& v) { return onnx::element_to_onnx(v.value.tensor().type()); })
      .def("shape",
           [](const PyOrtValue& v) { return std::vector<std::int64_t>(v.value.tensor().dims().begin(), v.value.tensor().dims().end()); })
      .def("data_ptr", [](const PyOrtValue& v) { return reinterpret_cast<std::uintptr_t>(v.value.tensor().raw()); })
      .def("tensor_size_in_bytes",
           [](const PyOrtValue& v) {
             ORIEL_REQUIRE(v.value.tensor().type() != ElementType::kString, "a tensor of strings has no size in bytes");
             return v.value.tensor().bytes();
           })
      .def("to_python", [](const PyOrtValue& v) { return from_datum(v.value); })
      .def("update_inplace", &update, "data"_a);
}

}  // namespace oriel::python
