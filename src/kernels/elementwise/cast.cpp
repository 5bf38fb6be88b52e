// Conversions of every pair of types: by level between f32 and narrow types, portable loops for the rest.
#include "kernels/elementwise/cast.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/elementwise/cast_table.h"

namespace oriel::kernels {
namespace {

const CastTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kCastScalar;
  return isa == Isa::kAvx2 ? kCastAvx2 : kCastAvx512;
}

struct Boolean {
  std::uint8_t value;
};

template <typename From, typename To>
To convert(From x) {
  if constexpr (std::is_same_v<From, Boolean>) {
    return convert<std::uint8_t, To>(static_cast<std::uint8_t>(x.value != 0));
  } else if constexpr (std::is_same_v<To, Boolean>) {
    return Boolean{static_cast<std::uint8_t>(x != 0)};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Through i64, so that narrow types wrap; out of its range (and NaN) becomes its lowest value.
    if constexpr (std::is_same_v<To, std::uint64_t>) {
      if (x >= From(9223372036854775808.0) && x < From(18446744073709551616.0)) return static_cast<To>(x);
    }
    const bool inside = x >= From(-9223372036854775808.0) && x < From(9223372036854775808.0);
    return static_cast<To>(inside ? static_cast<std::int64_t>(x) : INT64_MIN);
  } else {
    return static_cast<To>(x);
  }
}

template <typename From, typename To>
void convert_all(const void* x, void* y, std::int64_t n) {
  const auto* from = static_cast<const From*>(x);
  auto* to = static_cast<To*>(y);
  for (std::int64_t i = 0; i < n; ++i) to[i] = convert<From, To>(from[i]);
}

template <typename Function>
void with_type(ElementType type, Function f) {
  switch (type) {
    case ElementType::kF32:
      return f(float{});
    case ElementType::kF64:
      return f(double{});
    case ElementType::kI8:
      return f(std::int8_t{});
    case ElementType::kI16:
      return f(std::int16_t{});
    case ElementType::kI32:
      return f(std::int32_t{});
    case ElementType::kI64:
      return f(std::int64_t{});
    case ElementType::kU8:
      return f(std::uint8_t{});
    case ElementType::kU16:
      return f(std::uint16_t{});
    case ElementType::kU32:
      return f(std::uint32_t{});
    case ElementType::kU64:
      return f(std::uint64_t{});
    case ElementType::kBool:
      return f(Boolean{});
    default:
      return;
  }
}

bool is_half(ElementType type) { return type == ElementType::kF16 || type == ElementType::kBF16; }

/// f32 to or from a type that the level converts; false for the other pairs.
bool by_level(const CastTable& t, ElementType from, ElementType to, const void* x, void* y, std::int64_t n) {
  const auto* f = static_cast<const float*>(x);
  auto* g = static_cast<float*>(y);
  if (to == ElementType::kF32) {
    switch (from) {
      case ElementType::kF16:
        return t.f16_to_f32(static_cast<const std::uint16_t*>(x), g, n), true;
      case ElementType::kBF16:
        return t.bf16_to_f32(static_cast<const std::uint16_t*>(x), g, n), true;
      case ElementType::kU8:
        return t.u8_to_f32(static_cast<const std::uint8_t*>(x), g, n), true;
      case ElementType::kI8:
        return t.s8_to_f32(static_cast<const std::int8_t*>(x), g, n), true;
      case ElementType::kI32:
        return t.i32_to_f32(static_cast<const std::int32_t*>(x), g, n), true;
      case ElementType::kI64:
        return t.i64_to_f32(static_cast<const std::int64_t*>(x), g, n), true;
      case ElementType::kBool:
        return t.bool_to_f32(static_cast<const std::uint8_t*>(x), g, n), true;
      default:
        return false;
    }
  }
  if (from == ElementType::kI64 && to == ElementType::kI32)
    return t.i64_to_i32(static_cast<const std::int64_t*>(x), static_cast<std::int32_t*>(y), n), true;
  if (from != ElementType::kF32) return false;
  switch (to) {
    case ElementType::kF16:
      return t.f32_to_f16(f, static_cast<std::uint16_t*>(y), n), true;
    case ElementType::kBF16:
      return t.f32_to_bf16(f, static_cast<std::uint16_t*>(y), n), true;
    case ElementType::kI32:
      return t.f32_to_i32(f, static_cast<std::int32_t*>(y), n), true;
    case ElementType::kBool:
      return t.f32_to_bool(f, static_cast<std::uint8_t*>(y), n), true;
    case ElementType::kI8:
    case ElementType::kU8: {
      // Blocks with a number that does not fit 32 bits take the general way.
      auto* bytes = static_cast<std::uint8_t*>(y);
      for (std::int64_t i = 0; i < n;) {
        i += t.f32_to_byte(f + i, bytes + i, n - i);
        const std::int64_t end = std::min<std::int64_t>(n, i + 64);
        for (; i < end; ++i) bytes[i] = convert<float, std::uint8_t>(f[i]);
      }
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

bool has_cast(ElementType type) { return type >= ElementType::kF32 && type <= ElementType::kBool; }

void cast(ElementType from, ElementType to, const void* x, void* y, std::int64_t n, Isa isa) {
  if (n <= 0) return;
  if (from == to) {
    std::memmove(y, x, element_bytes(from, n));
    return;
  }
  const CastTable& t = table_of(isa);
  if (by_level(t, from, to, x, y, n)) return;
  if (is_half(from) || is_half(to)) {
    // Through a block of f32.
    constexpr std::int64_t kBlock = 1024;
    alignas(64) float block[kBlock];
    const std::size_t from_bytes = element_bytes(from, 1);
    const std::size_t to_bytes = element_bytes(to, 1);
    for (std::int64_t i = 0; i < n; i += kBlock) {
      const std::int64_t count = std::min(kBlock, n - i);
      cast(from, ElementType::kF32, static_cast<const char*>(x) + static_cast<std::size_t>(i) * from_bytes, block,
           count, isa);
      cast(ElementType::kF32, to, block, static_cast<char*>(y) + static_cast<std::size_t>(i) * to_bytes, count, isa);
    }
    return;
  }
  with_type(from, [&](auto a) { with_type(to, [&](auto b) { convert_all<decltype(a), decltype(b)>(x, y, n); }); });
}

}  // namespace oriel::kernels
