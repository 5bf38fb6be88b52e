// Values: public handles of the engine's tensors, sequences and maps.
#include "oriel/value.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "boundary.h"

namespace oriel::v1 {

struct ORIEL_LOCAL Value::Content {
  Datum datum;
  bool read_only = false;
};

const Datum& ValueAccess::datum(const Value& value) {
  static const Datum nothing;
  return value.content_ ? value.content_->datum : nothing;
}

Value ValueAccess::make(Datum datum, bool read_only) {
  Value value;
  if (!datum.empty())
    value.content_ = std::make_shared<const Value::Content>(Value::Content{std::move(datum), read_only});
  return value;
}

namespace {

const oriel::Tensor& tensor_of(const Value& value) {
  const Datum& datum = ValueAccess::datum(value);
  ORIEL_REQUIRE(datum.is_tensor(), "a value of type {} was used as a tensor", onnx_type_name(datum));
  return datum.tensor();
}

Dims dims_of(const Shape& shape) {
  Dims dims(shape.begin(), shape.end());
  count_elements(dims);
  return dims;
}

std::size_t alignment_of(oriel::ElementType type) {
  const int bits = element_bits(type);
  if (type == oriel::ElementType::kString) return alignof(std::string);
  return is_complex(type) ? static_cast<std::size_t>(bits / 16) : static_cast<std::size_t>(bits < 8 ? 1 : bits / 8);
}

// A tensor over memory of the caller's. Memory is const to the engine unless it is bound as an output.
Value wrap_memory(oriel::ElementType type, const void* data, std::size_t bytes, bool read_only, const Shape& shape,
                  std::shared_ptr<const void> owner) {
  Dims dims = dims_of(shape);
  const std::size_t wanted = element_bytes(type, count_elements(dims));
  ORIEL_REQUIRE(bytes == wanted, "{}{} takes {} bytes, the memory has {}", element_name(type), to_string(dims), wanted,
                bytes);
  ORIEL_REQUIRE(data != nullptr || bytes == 0, "the memory's address is null");
  ORIEL_REQUIRE(reinterpret_cast<std::uintptr_t>(data) % alignment_of(type) == 0,
                "memory of {} has to be aligned to {} bytes", element_name(type), alignment_of(type));
  // A block without bytes still needs an address of its own.
  static char nowhere = 0;
  void* const address = data == nullptr ? &nowhere : const_cast<void*>(data);
  oriel::Tensor tensor(type, std::move(dims),
                       borrow_host(address, bytes, std::const_pointer_cast<void>(std::move(owner))));
  return ValueAccess::make(std::move(tensor), read_only);
}

// The nearest value that an integer type holds; NaN becomes 0.
double to_whole(oriel::ElementType type, double value) {
  const int bits = element_bits(type);
  const bool is_signed = is_signed_integer(type);
  const double low = is_signed ? -std::ldexp(1.0, bits - 1) : 0.0;
  const double above = std::ldexp(1.0, is_signed ? bits - 1 : bits);
  if (std::isnan(value)) return 0;
  if (value < low) return low;
  if (value >= above) return bits == 64 ? std::nextafter(above, 0.0) : above - 1;
  return std::trunc(value);
}

}  // namespace

Value Value::zeros(ElementType type, const Shape& shape) {
  return guarded([&] {
    oriel::Tensor tensor = oriel::Tensor::allocate(engine_type(type), dims_of(shape));
    if (type != ElementType::kString && tensor.bytes() > 0) std::memset(tensor.raw(), 0, tensor.bytes());
    return ValueAccess::make(std::move(tensor));
  });
}

Value Value::wrap(ElementType type, std::span<std::byte> memory, const Shape& shape,
                  std::shared_ptr<const void> owner) {
  return guarded([&] {
    const oriel::ElementType engine = engine_type(type);
    ORIEL_REQUIRE(engine != oriel::ElementType::kString, "strings are not made of bytes");
    return wrap_memory(engine, memory.data(), memory.size(), false, shape, std::move(owner));
  });
}

Value Value::wrap(ElementType type, std::span<const std::byte> memory, const Shape& shape,
                  std::shared_ptr<const void> owner) {
  return guarded([&] {
    const oriel::ElementType engine = engine_type(type);
    ORIEL_REQUIRE(engine != oriel::ElementType::kString, "strings are not made of bytes");
    return wrap_memory(engine, memory.data(), memory.size(), true, shape, std::move(owner));
  });
}

Value Value::wrap_elements(ElementType type, const void* elements, std::size_t count, bool read_only,
                           const Shape& shape, std::shared_ptr<const void> owner) {
  return guarded([&] {
    const oriel::ElementType engine = engine_type(type);
    const std::int64_t wanted = count_elements(dims_of(shape));
    ORIEL_REQUIRE(static_cast<std::int64_t>(count) == wanted, "{} elements for {}{}", count, element_name(engine),
                  to_string(dims_of(shape)));
    return wrap_memory(engine, elements, element_bytes(engine, wanted), read_only, shape, std::move(owner));
  });
}

Value Value::sequence(const std::vector<Value>& items, ElementType element) {
  return guarded([&] {
    auto sequence = std::make_shared<Sequence>();
    if (element != ElementType::kUndefined) sequence->element = engine_type(element);
    bool read_only = false;
    for (const Value& item : items) {
      const Datum& datum = ValueAccess::datum(item);
      ORIEL_REQUIRE(item.has_value(), "an item of a sequence is nothing");
      if (datum.is_tensor()) {
        if (sequence->element == oriel::ElementType::kUndefined) sequence->element = datum.tensor().type();
        ORIEL_REQUIRE(datum.tensor().type() == sequence->element, "a sequence of {} cannot hold {}",
                      element_name(sequence->element), datum.tensor().description());
      }
      ORIEL_REQUIRE(onnx_type_name(datum) == items.front().type_name(), "a sequence of {} cannot hold {}",
                    items.front().type_name(), onnx_type_name(datum));
      read_only = read_only || item.content_->read_only;
      sequence->items.push_back(datum);
    }
    return ValueAccess::make(Datum(std::shared_ptr<const Sequence>(std::move(sequence))), read_only);
  });
}

Value Value::map(const Value& keys, const Value& values) {
  return guarded([&] {
    auto map = std::make_shared<Map>(Map{tensor_of(keys), tensor_of(values)});
    const oriel::ElementType type = map->keys.type();
    ORIEL_REQUIRE(type == oriel::ElementType::kI64 || type == oriel::ElementType::kString,
                  "keys of a map are i64 or string, not {}", element_name(type));
    ORIEL_REQUIRE(map->keys.rank() == 1 && map->keys.dims() == map->values.dims(),
                  "a map from {} to {}: both have to be vectors of one length", map->keys.description(),
                  map->values.description());
    return ValueAccess::make(Datum(std::shared_ptr<const Map>(std::move(map))),
                             keys.content_->read_only || values.content_->read_only);
  });
}

bool Value::is_tensor() const noexcept { return content_ && content_->datum.is_tensor(); }
bool Value::is_sequence() const noexcept { return content_ && content_->datum.is_sequence(); }
bool Value::is_map() const noexcept { return content_ && content_->datum.is_map(); }

std::string Value::type_name() const {
  return guarded([&] { return onnx_type_name(ValueAccess::datum(*this)); });
}

ElementType Value::element_type() const {
  return guarded([&] { return public_type(tensor_of(*this).type()); });
}

Shape Value::shape() const {
  return guarded([&] {
    const Dims& dims = tensor_of(*this).dims();
    return Shape(dims.begin(), dims.end());
  });
}

std::int64_t Value::element_count() const {
  return guarded([&] { return tensor_of(*this).size(); });
}

bool Value::is_writable() const {
  return guarded([&] {
    tensor_of(*this);
    return !content_->read_only;
  });
}

const void* Value::elements(ElementType wanted) const {
  return guarded([&] {
    const oriel::Tensor& tensor = tensor_of(*this);
    ORIEL_REQUIRE(public_type(tensor.type()) == wanted, "elements of {} were read as {}", tensor.description(),
                  element_type_name(wanted));
    return tensor.raw();
  });
}

void* Value::mutable_elements(ElementType wanted) {
  return guarded([&] {
    const void* const data = elements(wanted);
    ORIEL_REQUIRE(!content_->read_only, "the elements of {} are read-only", tensor_of(*this).description());
    return const_cast<void*>(data);
  });
}

std::span<const std::byte> Value::bytes() const {
  return guarded([&]() -> std::span<const std::byte> {
    const oriel::Tensor& tensor = tensor_of(*this);
    ORIEL_REQUIRE(tensor.type() != oriel::ElementType::kString, "strings are not made of bytes");
    return {static_cast<const std::byte*>(tensor.raw()), tensor.bytes()};
  });
}

std::span<std::byte> Value::mutable_bytes() {
  return guarded([&]() -> std::span<std::byte> {
    const std::span<const std::byte> all = bytes();
    ORIEL_REQUIRE(!content_->read_only, "the elements of {} are read-only", tensor_of(*this).description());
    return {const_cast<std::byte*>(all.data()), all.size()};
  });
}

std::vector<Value> Value::items() const {
  return guarded([&] {
    const Datum& datum = ValueAccess::datum(*this);
    ORIEL_REQUIRE(datum.is_sequence(), "a value of type {} was used as a sequence", onnx_type_name(datum));
    std::vector<Value> list;
    for (const Datum& item : datum.sequence().items) list.push_back(ValueAccess::make(item, content_->read_only));
    return list;
  });
}

Value Value::keys() const {
  return guarded([&] {
    const Datum& datum = ValueAccess::datum(*this);
    ORIEL_REQUIRE(datum.is_map(), "a value of type {} was used as a map", onnx_type_name(datum));
    return ValueAccess::make(datum.map().keys, content_->read_only);
  });
}

Value Value::values() const {
  return guarded([&] {
    const Datum& datum = ValueAccess::datum(*this);
    ORIEL_REQUIRE(datum.is_map(), "a value of type {} was used as a map", onnx_type_name(datum));
    return ValueAccess::make(datum.map().values, content_->read_only);
  });
}

Value Value::clone() const {
  if (!is_tensor()) return *this;
  return guarded([&] { return ValueAccess::make(tensor_of(*this).clone()); });
}

Value Value::cast(ElementType type) const {
  return guarded([&] {
    const oriel::Tensor& from = tensor_of(*this);
    const oriel::ElementType wanted = engine_type(type);
    if (wanted == from.type()) return clone();
    for (const oriel::ElementType t : {from.type(), wanted}) {
      ORIEL_REQUIRE(t != oriel::ElementType::kString && !is_complex(t), "{} cannot be cast to {}", from.description(),
                    element_name(wanted));
    }
    oriel::Tensor to = oriel::Tensor::allocate(wanted, from.dims());
    if (to.bytes() > 0) std::memset(to.raw(), 0, to.bytes());
    const bool whole = is_integer(wanted);
    for (std::int64_t i = 0; i < to.size(); ++i) {
      const double element = element_as_f64(from, i);
      store_element(to, i, whole ? to_whole(wanted, element) : element);
    }
    return ValueAccess::make(std::move(to));
  });
}

}  // namespace oriel::v1
