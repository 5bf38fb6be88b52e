// 16-bit floats as storage types, and the conversions of every float narrower than f32.
#pragma once

#include <bit>
#include <cstdint>

namespace oriel {

/// IEEE binary16 from f32, round to nearest even; overflow gives infinity, NaN stays NaN.
std::uint16_t f32_to_f16_bits(float value);
float f16_bits_to_f32(std::uint16_t bits);
/// IEEE binary16 straight from f64 (one rounding).
std::uint16_t f64_to_f16_bits(double value);

/// bfloat16 from f32, round to nearest even; NaN stays NaN.
constexpr std::uint16_t f32_to_bf16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}
constexpr float bf16_bits_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// A float of 16 bits, computed with in f32.
struct Half {
  std::uint16_t bits = 0;
  Half() = default;
  explicit Half(float value) : bits(f32_to_f16_bits(value)) {}
  explicit Half(double value) : bits(f64_to_f16_bits(value)) {}
  explicit Half(int value) : Half(static_cast<float>(value)) {}
  operator float() const { return f16_bits_to_f32(bits); }  // NOLINT: reads as a float by design
};

struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value) : bits(f32_to_bf16_bits(value)) {}
  explicit BFloat16(double value) : BFloat16(static_cast<float>(value)) {}
  explicit BFloat16(int value) : BFloat16(static_cast<float>(value)) {}
  operator float() const { return bf16_bits_to_f32(bits); }  // NOLINT: reads as a float by design
};

/// The eight-bit and four-bit float formats of the ONNX standard ("Float stored in 8 bits", "Float stored in 4 bits").
enum class NarrowFloat : std::uint8_t { kE4M3FN, kE4M3FNUZ, kE5M2, kE5M2FNUZ, kE8M0, kE2M1 };

/// The value of a bit pattern.
float narrow_to_f32(NarrowFloat format, std::uint8_t bits);

/// Round to nearest even. Out of range: the largest finite value where `saturate`, else NaN (or infinity in E5M2);
/// E2M1 always saturates. E8M0 holds powers of two, rounded to nearest (ties up) here.
std::uint8_t f32_to_narrow(NarrowFloat format, float value, bool saturate);

}  // namespace oriel
