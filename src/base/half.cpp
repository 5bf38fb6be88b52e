// Conversions of narrow floats, written over their exponent and mantissa widths.
#include "base/half.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace oriel {

std::uint16_t f32_to_f16_bits(float value) { return f64_to_f16_bits(static_cast<double>(value)); }

std::uint16_t f64_to_f16_bits(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 48) & 0x8000U);
  const double magnitude = std::bit_cast<double>(bits & 0x7fffffffffffffffULL);
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | 0x7e00U);
  if (magnitude >= 65520.0) return static_cast<std::uint16_t>(sign | 0x7c00U);
  int exponent = 0;
  if (magnitude != 0.0) std::frexp(magnitude, &exponent);
  // One unit of the last place is 2^(exponent - 11) for normal numbers and 2^-24 below 2^-14.
  const int ulp = std::max(exponent - 11, -24);
  const auto steps = static_cast<std::uint32_t>(std::nearbyint(std::ldexp(magnitude, -ulp)));
  if (steps == 0) return sign;
  // Steps count from 1024 (normal) in units of ulp; a carry into the next exponent falls out of the addition.
  const std::uint32_t biased = ulp == -24 ? steps : (static_cast<std::uint32_t>(ulp + 24) << 10) + steps;
  return static_cast<std::uint16_t>(sign | biased);
}

float f16_bits_to_f32(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fU;
  const std::uint32_t mantissa = bits & 0x3ffU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
  return sign != 0 ? -magnitude : magnitude;
}

namespace {

struct Format {
  int mantissa_bits;
  int bias;
  int max_code;      // the largest finite magnitude's code, without sign
  bool signed_zero;  // false: the code of minus zero is the only NaN
  bool has_infinity;
  int nan_code;
};

Format format_of(NarrowFloat format) {
  switch (format) {
    case NarrowFloat::kE4M3FN:
      return {3, 7, 0x7e, true, false, 0x7f};
    case NarrowFloat::kE4M3FNUZ:
      return {3, 8, 0x7f, false, false, 0x80};
    case NarrowFloat::kE5M2:
      return {2, 15, 0x7b, true, true, 0x7f};
    case NarrowFloat::kE5M2FNUZ:
      return {2, 16, 0x7f, false, false, 0x80};
    case NarrowFloat::kE2M1:
      return {1, 1, 0x7, true, false, -1};
    case NarrowFloat::kE8M0:
      break;
  }
  return {0, 127, 0xfe, true, false, 0xff};
}

double magnitude_of(const Format& f, int code) {
  const int exponent = code >> f.mantissa_bits;
  const int mantissa = code & ((1 << f.mantissa_bits) - 1);
  if (exponent == 0) return std::ldexp(mantissa, 1 - f.bias - f.mantissa_bits);
  return std::ldexp((1 << f.mantissa_bits) + mantissa, exponent - f.bias - f.mantissa_bits);
}

}  // namespace

float narrow_to_f32(NarrowFloat format, std::uint8_t bits) {
  if (format == NarrowFloat::kE8M0) {
    return bits == 0xff ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(std::ldexp(1.0, bits - 127));
  }
  const Format f = format_of(format);
  const int sign_bit = format == NarrowFloat::kE2M1 ? 0x8 : 0x80;
  const int code = bits & (sign_bit - 1);
  const bool negative = (bits & sign_bit) != 0;
  if (!f.signed_zero && bits == f.nan_code) return std::numeric_limits<float>::quiet_NaN();
  if (code > f.max_code) {
    if (f.has_infinity && code == 0x7c) {
      return negative ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
    }
    return std::numeric_limits<float>::quiet_NaN();
  }
  const auto magnitude = static_cast<float>(magnitude_of(f, code));
  return negative ? -magnitude : magnitude;
}

std::uint8_t f32_to_narrow(NarrowFloat format, float value, bool saturate) {
  if (format == NarrowFloat::kE8M0) {
    if (std::isnan(value) || value < 0) return 0xff;
    if (std::isinf(value)) return saturate ? 0xfe : 0xff;
    if (value == 0) return 0;
    int exponent = 0;
    const float fraction = std::frexp(value, &exponent);  // in [0.5, 1)
    const int code = exponent - 1 + 127 + (fraction >= 0.75F ? 1 : 0);
    if (code > 0xfe) return saturate ? 0xfe : 0xff;
    return static_cast<std::uint8_t>(code < 0 ? 0 : code);
  }
  const Format f = format_of(format);
  const int sign_bit = format == NarrowFloat::kE2M1 ? 0x8 : 0x80;
  const int sign = std::signbit(value) ? sign_bit : 0;
  if (std::isnan(value)) {
    if (format == NarrowFloat::kE2M1) return static_cast<std::uint8_t>(f.max_code);
    return static_cast<std::uint8_t>(f.signed_zero ? (sign | f.nan_code) : f.nan_code);
  }
  const double magnitude = std::fabs(static_cast<double>(value));
  const double largest = magnitude_of(f, f.max_code);
  const double half_ulp = (largest - magnitude_of(f, f.max_code - 1)) / 2;
  const bool always_saturates = format == NarrowFloat::kE2M1;
  const int overflow = f.has_infinity ? (sign | 0x7c) : (f.signed_zero ? (sign | f.nan_code) : f.nan_code);
  if (std::isinf(value)) {
    return static_cast<std::uint8_t>(saturate || always_saturates ? (sign | f.max_code) : overflow);
  }
  // The largest code is even or odd by format; a tie past it rounds away from it as the next code would be even.
  const bool tie_overflows = (f.max_code & 1) != 0;
  if (magnitude > largest + half_ulp || (magnitude == largest + half_ulp && tie_overflows)) {
    return static_cast<std::uint8_t>(saturate || always_saturates ? (sign | f.max_code) : overflow);
  }
  int exponent = 0;
  if (magnitude != 0.0) std::frexp(magnitude, &exponent);
  if (magnitude == 0.0) exponent = 1 - f.bias;
  const int ulp = std::max(exponent - 1, 1 - f.bias) - f.mantissa_bits;
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, -ulp)));
  const int code = std::min(((ulp - (1 - f.bias - f.mantissa_bits)) << f.mantissa_bits) + steps, f.max_code);
  if (code == 0 && !f.signed_zero) return 0;
  return static_cast<std::uint8_t>(sign | code);
}

}  // namespace oriel
