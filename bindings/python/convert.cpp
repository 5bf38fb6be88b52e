// numpy arrays by their buffer and array interface, without numpy's headers.
#include "convert.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "frontends/onnx/data_types.h"
#include "ort_value.h"

namespace nb = nanobind;

namespace oriel::python {
namespace {

struct DtypeRow {
  const char* name;
  ElementType type;
};

constexpr DtypeRow kNumpy[] = {
    {"float32", ElementType::kF32},         {"float64", ElementType::kF64},
    {"float16", ElementType::kF16},         {"int8", ElementType::kI8},
    {"int16", ElementType::kI16},           {"int32", ElementType::kI32},
    {"int64", ElementType::kI64},           {"uint8", ElementType::kU8},
    {"uint16", ElementType::kU16},          {"uint32", ElementType::kU32},
    {"uint64", ElementType::kU64},          {"bool", ElementType::kBool},
    {"complex64", ElementType::kComplex64}, {"complex128", ElementType::kComplex128},
};
constexpr DtypeRow kMlDtypes[] = {
    {"bfloat16", ElementType::kBF16},
    {"float8_e4m3fn", ElementType::kF8E4M3FN},
    {"float8_e4m3fnuz", ElementType::kF8E4M3FNUZ},
    {"float8_e5m2", ElementType::kF8E5M2},
    {"float8_e5m2fnuz", ElementType::kF8E5M2FNUZ},
    {"float8_e8m0fnu", ElementType::kF8E8M0},
    {"int4", ElementType::kI4},
    {"uint4", ElementType::kU4},
    {"int2", ElementType::kI2},
    {"uint2", ElementType::kU2},
    {"float4_e2m1fn", ElementType::kF4E2M1},
};

// What cannot become a value at all is a plain RuntimeError in Python; values that the model refuses are
// InvalidArgument.
template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw std::runtime_error(format_arguments(text, fmt::make_format_args(args...)));
}

std::string text_of(nb::handle object) { return nb::cast<std::string>(nb::str(object)); }

std::string type_of(nb::handle object) {
  return text_of(nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(object.ptr()))));
}

nb::module_& numpy() {
  static auto* module = new nb::module_(nb::module_::import_("numpy"));
  return *module;
}

// Whether the object is an array itself, of no class derived from it.
bool is_array(nb::handle object) {
  static const PyObject* const type = nb::object(numpy().attr("ndarray")).release().ptr();
  return reinterpret_cast<const PyObject*>(Py_TYPE(object.ptr())) == type;
}

// Keeps a Python object alive from any thread.
std::shared_ptr<void> keep(nb::handle object) {
  object.inc_ref();
  return std::shared_ptr<void>(object.ptr(), [](void* p) {
    const nb::gil_scoped_acquire gil;
    nb::handle(static_cast<PyObject*>(p)).dec_ref();
  });
}

// A type by the buffer protocol's format character; kUndefined for all others.
ElementType element_of_format(const char* format, std::size_t item) {
  if (format == nullptr) return ElementType::kU8;
  while (*format == '@' || *format == '=' || *format == '<') ++format;
  if (format[0] == 'Z')
    return format[1] == 'f'   ? ElementType::kComplex64
           : format[1] == 'd' ? ElementType::kComplex128
                              : ElementType::kUndefined;
  if (format[0] == '\0' || format[1] != '\0') return ElementType::kUndefined;
  const auto sized = [&](ElementType one, ElementType two, ElementType four, ElementType eight) {
    return item == 1 ? one : item == 2 ? two : item == 4 ? four : eight;
  };
  switch (*format) {
    case 'f':
      return ElementType::kF32;
    case 'd':
      return ElementType::kF64;
    case 'e':
      return ElementType::kF16;
    case '?':
      return ElementType::kBool;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
      return sized(ElementType::kI8, ElementType::kI16, ElementType::kI32, ElementType::kI64);
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
      return sized(ElementType::kU8, ElementType::kU16, ElementType::kU32, ElementType::kU64);
    default:
      return ElementType::kUndefined;
  }
}

struct BufferGuard {
  Py_buffer view{};
  bool held = false;
  ~BufferGuard() {
    if (held) PyBuffer_Release(&view);
  }
};

Tensor strings_of(nb::handle array) {
  // Elements of numpy's void type are their bytes, trailing zeros included.
  nb::object flat = nb::cast<std::string>(array.attr("dtype").attr("kind")) == "V"
                        ? nb::object(nb::module_::import_("builtins")
                                         .attr("list")(nb::module_::import_("builtins")
                                                           .attr("map")(nb::module_::import_("builtins").attr("bytes"),
                                                                        array.attr("ravel")())))
                        : array.attr("ravel")().attr("astype")("object").attr("tolist")();
  Dims dims;
  for (const nb::handle d : array.attr("shape")) dims.push_back(nb::cast<std::int64_t>(d));
  Tensor t = Tensor::allocate(ElementType::kString, dims);
  auto* to = t.data<std::string>();
  for (const nb::handle item : flat) {
    const char* data = nullptr;
    Py_ssize_t size = 0;
    nb::object text;
    if (PyBytes_Check(item.ptr())) {
      data = PyBytes_AS_STRING(item.ptr());
      size = PyBytes_GET_SIZE(item.ptr());
    } else {
      if (!PyUnicode_Check(item.ptr())) text = nb::str(item);
      data = PyUnicode_AsUTF8AndSize(text.is_valid() ? text.ptr() : item.ptr(), &size);
      if (data == nullptr) throw nb::python_error();
    }
    (to++)->assign(data, static_cast<std::size_t>(size));
  }
  return t;
}

// Arrays whose dtype the buffer protocol does not carry (ml_dtypes), by their array interface as bytes.
Tensor extended_array(nb::handle array, ElementType type) {
  nb::object bytes = numpy().attr("ascontiguousarray")(array);
  const nb::object viewed = bytes.attr("view")(is_sub_byte(type) || element_bits(type) == 8 ? "uint8" : "uint16");
  Dims dims;
  for (const nb::handle d : array.attr("shape")) dims.push_back(nb::cast<std::int64_t>(d));
  BufferGuard guard;
  if (PyObject_GetBuffer(viewed.ptr(), &guard.view, PyBUF_C_CONTIGUOUS) != 0) throw nb::python_error();
  guard.held = true;
  Tensor t = Tensor::allocate(type, dims);
  if (!is_sub_byte(type)) {
    std::memcpy(t.raw(), guard.view.buf, t.bytes());
    return t;
  }
  // numpy holds one element a byte.
  const int bits = element_bits(type);
  const auto* from = static_cast<const std::uint8_t*>(guard.view.buf);
  auto* to = static_cast<std::uint8_t*>(t.raw());
  std::memset(to, 0, t.bytes());
  for (std::int64_t i = 0; i < t.size(); ++i) {
    to[i * bits / 8] =
        static_cast<std::uint8_t>(to[i * bits / 8] | ((from[i] & ((1U << bits) - 1U)) << (i * bits % 8)));
  }
  return t;
}

Tensor tensor_of_array(nb::handle array) {
  BufferGuard guard;
  if (PyObject_GetBuffer(array.ptr(), &guard.view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) == 0) {
    guard.held = true;
    const ElementType type = element_of_format(guard.view.format, static_cast<std::size_t>(guard.view.itemsize));
    if (type != ElementType::kUndefined) {
      Dims dims(guard.view.shape, guard.view.shape + guard.view.ndim);
      // Vector loads of the engine want aligned elements only; numpy's are.
      return Tensor(type, std::move(dims),
                    borrow_host(guard.view.buf, static_cast<std::size_t>(guard.view.len), keep(array)));
    }
  } else {
    PyErr_Clear();
  }
  const nb::object dtype = array.attr("dtype");
  const std::string kind = nb::cast<std::string>(dtype.attr("kind"));
  if (kind == "O" || kind == "U" || kind == "S" || kind == "T") return strings_of(array);
  const ElementType type = element_of_dtype(dtype);
  if (type == ElementType::kUndefined && kind == "V") return strings_of(array);
  if (type == ElementType::kUndefined) refuse("arrays of numpy type {} are not supported", text_of(dtype));
  for (const DtypeRow& row : kNumpy) {
    // A plain type in the way of the buffer protocol: not contiguous, or of another byte order.
    if (row.type == type) {
      const nb::object copy =
          numpy().attr("array")(array, nb::arg("dtype") = row.name, nb::arg("order") = "C", nb::arg("copy") = true);
      return tensor_of_array(copy);
    }
  }
  return extended_array(array, type);
}

nb::object python_text(const std::string& s) {
  PyObject* text = PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "surrogateescape");
  if (text == nullptr) throw nb::python_error();
  return nb::steal(text);
}

nb::object array_of_strings(const Tensor& t) {
  nb::list items;
  for (std::int64_t i = 0; i < t.size(); ++i) items.append(python_text(t.data<std::string>()[i]));
  nb::object array = numpy().attr("array")(items, nb::arg("dtype") = "object");
  nb::list shape;
  for (const std::int64_t d : t.dims()) shape.append(d);
  return array.attr("reshape")(nb::tuple(shape));
}

// The elements of a vector as Python's own numbers and texts, as numpy's tolist() gives them.
nb::object plain_elements(const Tensor& t) {
  nb::list items;
  for (std::int64_t i = 0; i < t.size(); ++i) {
    if (t.type() == ElementType::kString) {
      items.append(python_text(t.data<std::string>()[i]));
    } else if (t.type() == ElementType::kI64) {
      items.append(nb::int_(t.data<std::int64_t>()[i]));
    } else if (t.type() == ElementType::kF32) {
      items.append(nb::float_(static_cast<double>(t.data<float>()[i])));
    } else {
      return from_datum(t).attr("tolist")();
    }
  }
  return items;
}

nb::object dict_of(const nb::object& keys, const Tensor& values) {
  nb::dict dict;
  const nb::object elements = plain_elements(values);
  const std::size_t n = nb::len(keys);
  for (std::size_t i = 0; i < n; ++i) dict[keys[i]] = elements[i];
  return dict;
}

// A tensor as a numpy array of plain type `as` that shares its memory and keeps it alive.
nb::object shared_array(const Tensor& t, ElementType as) {
  using Code = nb::dlpack::dtype_code;
  nb::dlpack::dtype dtype{};
  dtype.lanes = 1;
  dtype.bits = static_cast<std::uint8_t>(element_bits(as));
  const Code code = as == ElementType::kBool ? Code::Bool
                    : is_complex(as)         ? Code::Complex
                    : is_float(as)           ? Code::Float
                    : is_signed_integer(as)  ? Code::Int
                                             : Code::UInt;
  dtype.code = static_cast<std::uint8_t>(code);
  SmallVector<std::size_t, 8> shape(t.dims().begin(), t.dims().end());
  auto* owner = new std::shared_ptr<Memory>(t.memory());
  const nb::capsule capsule(owner, [](void* p) noexcept { delete static_cast<std::shared_ptr<Memory>*>(p); });
  const nb::ndarray<nb::numpy> array(const_cast<void*>(t.raw()), shape.size(), shape.data(), capsule, nullptr, dtype);
  // What comes out as C's long long becomes numpy's own int64, which is another type to isinstance().
  if (as == ElementType::kI64 || as == ElementType::kU64) {
    static auto* const types = new nb::object[2]{numpy().attr("dtype")("int64"), numpy().attr("dtype")("uint64")};
    return nb::cast(array).attr("view")(types[as == ElementType::kU64 ? 1 : 0]);
  }
  return nb::cast(array);
}

}  // namespace

ElementType element_of_dtype(nb::handle dtype) {
  const std::string name = nb::cast<std::string>(nb::str(numpy().attr("dtype")(dtype).attr("name")));
  for (const DtypeRow& row : kNumpy) {
    if (name == row.name) return row.type;
  }
  for (const DtypeRow& row : kMlDtypes) {
    if (name == row.name) return row.type;
  }
  if (name == "object" || name.rfind("str", 0) == 0 || name.rfind("bytes", 0) == 0) return ElementType::kString;
  return ElementType::kUndefined;
}

ElementType element_of_object(nb::handle type) {
  if (PyLong_Check(type.ptr())) {
    const auto element = onnx::element_from_onnx(nb::cast<std::int64_t>(type));
    ORIEL_REQUIRE(element && *element != ElementType::kUndefined, "{} is no ONNX element type",
                  nb::cast<std::int64_t>(type));
    return *element;
  }
  const ElementType element = element_of_dtype(type);
  ORIEL_REQUIRE(element != ElementType::kUndefined, "{} is no element type", nb::cast<std::string>(nb::str(type)));
  return element;
}

nb::object numpy_dtype(ElementType type) {
  for (const DtypeRow& row : kNumpy) {
    if (row.type == type) return numpy().attr("dtype")(row.name);
  }
  if (type == ElementType::kString) return numpy().attr("dtype")("object");
  for (const DtypeRow& row : kMlDtypes) {
    if (row.type != type) continue;
    try {
      return numpy().attr("dtype")(nb::module_::import_("ml_dtypes").attr(row.name));
    } catch (nb::python_error&) {
      fail(ErrorCode::kNotImplemented, "numpy has no type for {}; the package ml_dtypes brings one",
           element_name(type));
    }
  }
  fail(ErrorCode::kNotImplemented, "numpy has no type for {}", element_name(type));
}

Tensor tensor_at(std::uintptr_t address, const std::vector<std::int64_t>& shape, nb::handle type, nb::handle owner) {
  const ElementType element = element_of_object(type);
  ORIEL_REQUIRE(element != ElementType::kString, "strings have no address");
  std::int64_t count = 1;
  for (const std::int64_t d : shape) {
    ORIEL_REQUIRE(d >= 0 && (d == 0 || count <= (std::int64_t{1} << 56) / d), "dimension {} is out of range", d);
    count *= d;
  }
  ORIEL_REQUIRE(address != 0 || count == 0, "the buffer's address is 0");
  std::shared_ptr<void> keeper = owner.is_none() ? nullptr : keep(owner);
  return Tensor(element, Dims(shape.begin(), shape.end()),
                borrow_host(reinterpret_cast<void*>(address), element_bytes(element, count), std::move(keeper)));
}

void require_cpu(nb::handle device) {
  const int type = nb::cast<int>(device.attr("device_type")());
  if (type != 0) refuse("memory of device type {} is not available in this build; available: 0 (CPU)", type);
}

namespace {

// A list or scalar as an array of that element type.
nb::object array_as(nb::handle object, ElementType element) {
  try {
    return numpy().attr("asarray")(object, nb::arg("dtype") = numpy_dtype(element));
  } catch (nb::python_error& error) {
    refuse("Could not create tensor from given input list: {}", text_of(error.value()));
  }
}

}  // namespace

Datum to_datum(nb::handle object, const ValueType* type) {
  static PyObject* const array_type = nb::object(numpy().attr("ndarray")).release().ptr();
  const bool plain_tensor = type == nullptr || type->is_tensor();
  if (plain_tensor && reinterpret_cast<PyObject*>(Py_TYPE(object.ptr())) == array_type) return tensor_of_array(object);
  if (object.is_none()) return Datum();
  if (is_array(object) && (type == nullptr || type->is_tensor())) return tensor_of_array(object);
  if (nb::isinstance<PyOrtValue>(object)) {
    const PyOrtValue& given = nb::cast<const PyOrtValue&>(object);
    if (given.sparse)
      fail(ErrorCode::kNotImplemented, "operators on sparse values are not supported; pass a dense tensor");
    return given.value;
  }
  if (type != nullptr && type->kind == ValueType::Kind::kOptional) return to_datum(object, type->inner.get());
  if (nb::hasattr(object, "dtype") && nb::hasattr(object, "shape")) {
    nb::object array = nb::borrow(object);
    if (!nb::hasattr(object, "__array_interface__") || nb::isinstance(object, numpy().attr("generic")))
      array = numpy().attr("asarray")(object);
    return tensor_of_array(array);
  }
  if (type != nullptr && type->kind == ValueType::Kind::kMap && PyDict_Check(object.ptr())) {
    auto map = std::make_shared<Map>();
    if (PyDict_Size(object.ptr()) == 0) refuse("Size of dictionary is empty, unable to run the prediction.");
    const nb::object keys = nb::module_::import_("builtins").attr("list")(object.attr("keys")());
    const nb::object values = nb::module_::import_("builtins").attr("list")(object.attr("values")());
    const bool text = type->element == ElementType::kString;
    bool all_text = true;
    for (const nb::handle key : keys) all_text = all_text && PyUnicode_Check(key.ptr()) != 0;
    if (!text && all_text) {
      fail(ErrorCode::kInvalidArgument,
           "Unexpected input data type. Actual: (map(string,...)) , expected: (map({},...))",
           element_name(type->element));
    }
    for (const nb::handle key : keys) {
      const bool right = text ? PyUnicode_Check(key.ptr()) || PyBytes_Check(key.ptr()) : PyIndex_Check(key.ptr()) != 0;
      if (!right)
        refuse("Unexpected key type  {}, it cannot be linked to C type {}", type_of(key),
               text ? "std::string" : "int64_t");
    }
    map->keys = tensor_of_array(array_as(keys, text ? ElementType::kString : ElementType::kI64));
    map->values = tensor_of_array(array_as(values, type->inner->element));
    return Datum(std::shared_ptr<const Map>(std::move(map)));
  }
  if (PyList_Check(object.ptr()) || PyTuple_Check(object.ptr())) {
    if (type != nullptr && type->is_tensor()) {
      return tensor_of_array(array_as(object, type->element));
    }
    auto sequence = std::make_shared<Sequence>();
    const ValueType* inner = type != nullptr && type->inner ? type->inner.get() : nullptr;
    if (inner != nullptr) sequence->element = inner->element;
    for (const nb::handle item : nb::borrow(object)) {
      sequence->items.push_back(to_datum(item, inner));
      if (sequence->items.back().is_tensor()) sequence->element = sequence->items.back().tensor().type();
    }
    return Datum(std::shared_ptr<const Sequence>(std::move(sequence)));
  }
  if (type != nullptr && type->is_tensor() &&
      (PyFloat_Check(object.ptr()) || PyLong_Check(object.ptr()) || PyUnicode_Check(object.ptr()))) {
    return tensor_of_array(array_as(object, type->element));
  }
  refuse("Unable to handle object of type {}: it is no tensor, sequence or map", type_of(object));
}

nb::object from_datum(const Datum& value) {
  if (value.empty()) return nb::none();
  if (value.is_sequence()) {
    nb::list list;
    // Maps of a sequence often have the same keys.
    const void* known = nullptr;
    nb::object keys;
    for (const Datum& item : value.sequence().items) {
      if (!item.is_map()) {
        list.append(from_datum(item));
        continue;
      }
      const Tensor& own = item.map().keys;
      if (own.raw() != known || known == nullptr || static_cast<std::int64_t>(nb::len(keys)) != own.size()) {
        keys = plain_elements(own);
        known = own.raw();
      }
      list.append(dict_of(keys, item.map().values));
    }
    return list;
  }
  if (value.is_map()) return dict_of(plain_elements(value.map().keys), value.map().values);
  const Tensor& t = value.tensor();
  if (t.type() == ElementType::kString) return array_of_strings(t);
  for (const DtypeRow& row : kNumpy) {
    if (row.type == t.type()) return shared_array(t, t.type());
  }
  const nb::object dtype = numpy_dtype(t.type());
  if (!is_sub_byte(t.type())) {
    const nb::object codes = shared_array(t, element_bits(t.type()) == 8 ? ElementType::kU8 : ElementType::kU16);
    return codes.attr("view")(dtype);
  }
  nb::list dims;
  for (const std::int64_t d : t.dims()) dims.append(d);
  const nb::tuple shape(dims);
  const int bits = element_bits(t.type());
  const bool sign = is_signed_integer(t.type());
  nb::object codes = numpy().attr("empty")(t.size(), nb::arg("dtype") = "uint8");
  BufferGuard guard;
  if (PyObject_GetBuffer(codes.ptr(), &guard.view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) != 0) throw nb::python_error();
  guard.held = true;
  const auto* from = static_cast<const std::uint8_t*>(t.raw());
  for (std::int64_t i = 0; i < t.size(); ++i) {
    unsigned code = (from[i * bits / 8] >> (i * bits % 8)) & ((1U << bits) - 1U);
    if (sign && (code >> (bits - 1)) != 0) code |= ~((1U << bits) - 1U);
    static_cast<std::uint8_t*>(guard.view.buf)[i] = static_cast<std::uint8_t>(code);
  }
  return codes.attr("view")(dtype).attr("reshape")(shape);
}

}  // namespace oriel::python
