// Tensor storage and slow element access.
#include "ir/tensor.h"

#include <cstring>

namespace oriel {

Tensor::Tensor(ElementType type, Dims dims, std::shared_ptr<Memory> memory, std::size_t byte_offset)
    : type_(type),
      dims_(std::move(dims)),
      size_(count_elements(dims_)),
      memory_(std::move(memory)),
      offset_(byte_offset) {
  const std::size_t wanted = element_bytes(type_, size_);
  const std::size_t there = memory_ ? memory_->size() : 0;
  ORIEL_REQUIRE(offset_ <= there && wanted <= there - offset_, "{} needs {} bytes at offset {}, the block has {}",
                description(), wanted, offset_, there);
}

Tensor Tensor::allocate(ElementType type, Dims dims, const std::shared_ptr<Budget>& budget) {
  const std::int64_t count = count_elements(dims);
  std::shared_ptr<Memory> memory = type == ElementType::kString ? allocate_strings(static_cast<std::size_t>(count))
                                                                : allocate_host(element_bytes(type, count), budget);
  return Tensor(type, std::move(dims), std::move(memory));
}

Tensor Tensor::reshaped(Dims dims) const {
  Tensor t = *this;
  ORIEL_REQUIRE(count_elements(dims) == size_, "{} cannot take the shape {}", description(), to_string(dims));
  t.dims_ = std::move(dims);
  return t;
}

Tensor Tensor::clone(const std::shared_ptr<Budget>& budget) const {
  Tensor t = allocate(type_, dims_, budget);
  if (type_ == ElementType::kString) {
    for (std::int64_t i = 0; i < size_; ++i) t.data<std::string>()[i] = data<std::string>()[i];
  } else if (size_ > 0) {
    std::memcpy(t.raw(), raw(), bytes());
  }
  return t;
}

std::vector<std::int64_t> Tensor::to_i64() const {
  ORIEL_REQUIRE(is_integer(type_) || type_ == ElementType::kBool, "{} where integers are expected", description());
  std::vector<std::int64_t> values(static_cast<std::size_t>(size_));
  for (std::int64_t i = 0; i < size_; ++i) values[static_cast<std::size_t>(i)] = element_as_i64(*this, i);
  return values;
}

std::string Tensor::description() const { return std::string(element_name(type_)) + to_string(dims_); }

namespace {

// The unsigned code of a packed element.
unsigned packed_code(const Tensor& t, std::int64_t i) {
  const int bits = element_bits(t.type());
  const auto* bytes = static_cast<const std::uint8_t*>(t.raw());
  const std::int64_t bit = i * bits;
  return (bytes[bit / 8] >> (bit % 8)) & ((1U << bits) - 1U);
}

void store_packed(Tensor& t, std::int64_t i, unsigned code) {
  const int bits = element_bits(t.type());
  auto* bytes = static_cast<std::uint8_t*>(t.raw());
  const std::int64_t bit = i * bits;
  const unsigned mask = ((1U << bits) - 1U) << (bit % 8);
  bytes[bit / 8] = static_cast<std::uint8_t>((bytes[bit / 8] & ~mask) | ((code << (bit % 8)) & mask));
}

NarrowFloat narrow_of(ElementType type) {
  switch (type) {
    case ElementType::kF8E4M3FN:
      return NarrowFloat::kE4M3FN;
    case ElementType::kF8E4M3FNUZ:
      return NarrowFloat::kE4M3FNUZ;
    case ElementType::kF8E5M2:
      return NarrowFloat::kE5M2;
    case ElementType::kF8E5M2FNUZ:
      return NarrowFloat::kE5M2FNUZ;
    case ElementType::kF8E8M0:
      return NarrowFloat::kE8M0;
    default:
      return NarrowFloat::kE2M1;
  }
}

template <typename T>
T cast_to(double value) {
  return static_cast<T>(value);
}

}  // namespace

double element_as_f64(const Tensor& t, std::int64_t i) {
  switch (t.type()) {
    case ElementType::kF32:
      return t.data<float>()[i];
    case ElementType::kF64:
      return t.data<double>()[i];
    case ElementType::kF16:
      return t.data<Half>()[i];
    case ElementType::kBF16:
      return t.data<BFloat16>()[i];
    case ElementType::kF8E4M3FN:
    case ElementType::kF8E4M3FNUZ:
    case ElementType::kF8E5M2:
    case ElementType::kF8E5M2FNUZ:
    case ElementType::kF8E8M0:
      return narrow_to_f32(narrow_of(t.type()), static_cast<const std::uint8_t*>(t.raw())[i]);
    case ElementType::kF4E2M1:
      return narrow_to_f32(NarrowFloat::kE2M1, static_cast<std::uint8_t>(packed_code(t, i)));
    case ElementType::kU64:
      return static_cast<double>(t.data<std::uint64_t>()[i]);
    default:
      return static_cast<double>(element_as_i64(t, i));
  }
}

std::int64_t element_as_i64(const Tensor& t, std::int64_t i) {
  switch (t.type()) {
    case ElementType::kI8:
      return t.data<std::int8_t>()[i];
    case ElementType::kI16:
      return t.data<std::int16_t>()[i];
    case ElementType::kI32:
      return t.data<std::int32_t>()[i];
    case ElementType::kI64:
      return t.data<std::int64_t>()[i];
    case ElementType::kU8:
      return t.data<std::uint8_t>()[i];
    case ElementType::kU16:
      return t.data<std::uint16_t>()[i];
    case ElementType::kU32:
      return t.data<std::uint32_t>()[i];
    case ElementType::kU64:
      return static_cast<std::int64_t>(t.data<std::uint64_t>()[i]);
    case ElementType::kBool:
      return static_cast<const std::uint8_t*>(t.raw())[i] != 0 ? 1 : 0;
    case ElementType::kU4:
    case ElementType::kU2:
      return packed_code(t, i);
    case ElementType::kI4:
      return static_cast<int>(packed_code(t, i) ^ 8U) - 8;
    case ElementType::kI2:
      return static_cast<int>(packed_code(t, i) ^ 2U) - 2;
    default:
      break;
  }
  if (is_float(t.type())) return static_cast<std::int64_t>(element_as_f64(t, i));
  fail(ErrorCode::kInvalidArgument, "an element of {} was read as a number", element_name(t.type()));
}

void store_element(Tensor& t, std::int64_t i, double value, bool saturate) {
  switch (t.type()) {
    case ElementType::kF32:
      t.data<float>()[i] = static_cast<float>(value);
      return;
    case ElementType::kF64:
      t.data<double>()[i] = value;
      return;
    case ElementType::kF16:
      t.data<Half>()[i] = Half(value);
      return;
    case ElementType::kBF16:
      t.data<BFloat16>()[i] = BFloat16(value);
      return;
    case ElementType::kF8E4M3FN:
    case ElementType::kF8E4M3FNUZ:
    case ElementType::kF8E5M2:
    case ElementType::kF8E5M2FNUZ:
    case ElementType::kF8E8M0:
      static_cast<std::uint8_t*>(t.raw())[i] = f32_to_narrow(narrow_of(t.type()), static_cast<float>(value), saturate);
      return;
    case ElementType::kF4E2M1:
      store_packed(t, i, f32_to_narrow(NarrowFloat::kE2M1, static_cast<float>(value), true));
      return;
    case ElementType::kBool:
      static_cast<std::uint8_t*>(t.raw())[i] = value != 0 ? 1 : 0;
      return;
    case ElementType::kU64:
      t.data<std::uint64_t>()[i] = cast_to<std::uint64_t>(value);
      return;
    default:
      break;
  }
  const auto whole = static_cast<std::int64_t>(value);
  switch (t.type()) {
    case ElementType::kI8:
      t.data<std::int8_t>()[i] = static_cast<std::int8_t>(whole);
      return;
    case ElementType::kI16:
      t.data<std::int16_t>()[i] = static_cast<std::int16_t>(whole);
      return;
    case ElementType::kI32:
      t.data<std::int32_t>()[i] = static_cast<std::int32_t>(whole);
      return;
    case ElementType::kI64:
      t.data<std::int64_t>()[i] = whole;
      return;
    case ElementType::kU8:
      t.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(whole);
      return;
    case ElementType::kU16:
      t.data<std::uint16_t>()[i] = static_cast<std::uint16_t>(whole);
      return;
    case ElementType::kU32:
      t.data<std::uint32_t>()[i] = static_cast<std::uint32_t>(whole);
      return;
    case ElementType::kU4:
    case ElementType::kI4:
    case ElementType::kU2:
    case ElementType::kI2:
      store_packed(t, i, static_cast<unsigned>(whole));
      return;
    default:
      break;
  }
  fail(ErrorCode::kInvalidArgument, "a number was stored into {}", element_name(t.type()));
}

Tensor& Datum::tensor() {
  Tensor* t = std::get_if<Tensor>(&content_);
  ORIEL_REQUIRE(t != nullptr, "a value is {} where a tensor is expected", empty() ? "empty" : "a sequence or map");
  return *t;
}

const Tensor& Datum::tensor() const { return const_cast<Datum*>(this)->tensor(); }

const Sequence& Datum::sequence() const {
  const auto* s = std::get_if<std::shared_ptr<const Sequence>>(&content_);
  ORIEL_REQUIRE(s != nullptr && *s != nullptr, "a value is {} where a sequence is expected",
                empty() ? "empty" : "no sequence");
  return **s;
}

const Map& Datum::map() const {
  const auto* m = std::get_if<std::shared_ptr<const Map>>(&content_);
  ORIEL_REQUIRE(m != nullptr && *m != nullptr, "a value is {} where a map is expected", empty() ? "empty" : "no map");
  return **m;
}

}  // namespace oriel
