// The vector vocabulary with one lane, in portable C++. Contracts stand in vec_avx512.h. Only for objects named
// *_scalar.
#pragma once

#include <cstdint>

#define ORIEL_SIMD_INLINE inline __attribute__((always_inline))

namespace oriel::kernels {
namespace {

using F = float;
using I = std::int32_t;
using M = bool;
constexpr int kLanes = 1;

ORIEL_SIMD_INLINE M first(int n) { return n > 0; }

ORIEL_SIMD_INLINE F set(float x) { return x; }
ORIEL_SIMD_INLINE F zero() { return 0.0f; }
ORIEL_SIMD_INLINE I set_i(std::int32_t x) { return x; }

ORIEL_SIMD_INLINE F load(const float* p) { return *p; }
ORIEL_SIMD_INLINE F load_n(const float* p, int n) { return n > 0 ? *p : 0.0f; }
ORIEL_SIMD_INLINE void store(float* p, F x) { *p = x; }
ORIEL_SIMD_INLINE void store_n(float* p, F x, int n) {
  if (n > 0) *p = x;
}
ORIEL_SIMD_INLINE I load(const std::int32_t* p) { return *p; }
ORIEL_SIMD_INLINE I load_n(const std::int32_t* p, int n) { return n > 0 ? *p : 0; }
ORIEL_SIMD_INLINE void store(std::int32_t* p, I x) { *p = x; }
ORIEL_SIMD_INLINE void store_n(std::int32_t* p, I x, int n) {
  if (n > 0) *p = x;
}

ORIEL_SIMD_INLINE F fma(F a, F b, F c) { return a * b + c; }
ORIEL_SIMD_INLINE F fnma(F a, F b, F c) { return c - a * b; }
ORIEL_SIMD_INLINE F min(F a, F b) { return a < b ? a : b; }
ORIEL_SIMD_INLINE F max(F a, F b) { return a > b ? a : b; }
ORIEL_SIMD_INLINE F sqrt(F a) { return __builtin_sqrtf(a); }
ORIEL_SIMD_INLINE F abs(F a) { return __builtin_fabsf(a); }
ORIEL_SIMD_INLINE F round(F a) { return __builtin_rintf(a); }
ORIEL_SIMD_INLINE F floor(F a) { return __builtin_floorf(a); }
ORIEL_SIMD_INLINE F ceil(F a) { return __builtin_ceilf(a); }
ORIEL_SIMD_INLINE F trunc(F a) { return __builtin_truncf(a); }

ORIEL_SIMD_INLINE I bits(F a) {
  I out;
  __builtin_memcpy(&out, &a, 4);
  return out;
}
ORIEL_SIMD_INLINE F as_f(I a) {
  F out;
  __builtin_memcpy(&out, &a, 4);
  return out;
}
ORIEL_SIMD_INLINE F cvt_f(I a) { return static_cast<float>(a); }
ORIEL_SIMD_INLINE I cvtt_i(F a) { return a >= -2147483648.0f && a < 2147483648.0f ? static_cast<I>(a) : INT32_MIN; }
ORIEL_SIMD_INLINE I cvt_i(F a) { return cvtt_i(round(a)); }

ORIEL_SIMD_INLINE I wrap(std::uint32_t a) { return static_cast<I>(a); }
ORIEL_SIMD_INLINE std::uint32_t raw(I a) { return static_cast<std::uint32_t>(a); }
ORIEL_SIMD_INLINE I add(I a, I b) { return wrap(raw(a) + raw(b)); }
ORIEL_SIMD_INLINE I sub(I a, I b) { return wrap(raw(a) - raw(b)); }
ORIEL_SIMD_INLINE I mul(I a, I b) { return wrap(raw(a) * raw(b)); }
ORIEL_SIMD_INLINE I min(I a, I b) { return a < b ? a : b; }
ORIEL_SIMD_INLINE I max(I a, I b) { return a > b ? a : b; }
ORIEL_SIMD_INLINE I bit_and(I a, I b) { return a & b; }
ORIEL_SIMD_INLINE I bit_or(I a, I b) { return a | b; }
ORIEL_SIMD_INLINE I bit_xor(I a, I b) { return a ^ b; }
template <int kBits>
ORIEL_SIMD_INLINE I shift_left(I a) {
  return wrap(raw(a) << kBits);
}
template <int kBits>
ORIEL_SIMD_INLINE I shift_right(I a) {
  return wrap(raw(a) >> kBits);
}
template <int kBits>
ORIEL_SIMD_INLINE I shift_right_signed(I a) {
  return a >> kBits;
}

ORIEL_SIMD_INLINE M less(F a, F b) { return a < b; }
ORIEL_SIMD_INLINE M less_equal(F a, F b) { return a <= b; }
ORIEL_SIMD_INLINE M equal(F a, F b) { return a == b; }
ORIEL_SIMD_INLINE M not_equal(F a, F b) { return a != b; }
ORIEL_SIMD_INLINE M less(I a, I b) { return a < b; }
ORIEL_SIMD_INLINE M equal(I a, I b) { return a == b; }
ORIEL_SIMD_INLINE M either(M a, M b) { return a || b; }
ORIEL_SIMD_INLINE M both(M a, M b) { return a && b; }
ORIEL_SIMD_INLINE bool any(M a) { return a; }
ORIEL_SIMD_INLINE F select(M m, F a, F b) { return m ? a : b; }
ORIEL_SIMD_INLINE I select(M m, I a, I b) { return m ? a : b; }
ORIEL_SIMD_INLINE F copysign(F a, F b) { return __builtin_copysignf(a, b); }
ORIEL_SIMD_INLINE F scale(F x, F n) {
  const I whole = cvt_i(max(-252.0f, min(n, 252.0f)));
  const I half = whole >> 1;
  return x * as_f(shift_left<23>(half + 127)) * as_f(shift_left<23>(whole - half + 127));
}

ORIEL_SIMD_INLINE float sum(F a) { return a; }
ORIEL_SIMD_INLINE float product(F a) { return a; }
ORIEL_SIMD_INLINE float lowest(F a) { return a; }
ORIEL_SIMD_INLINE float highest(F a) { return a; }

ORIEL_SIMD_INLINE F load_f16(const std::uint16_t* p) {
  const std::uint32_t sign = (*p & 0x8000U) << 16;
  const std::uint32_t rest = *p & 0x7fffU;
  if (rest >= 0x7c00U)
    return as_f(wrap(sign | 0x7f800000U | (rest & 0x3ffU) << 13 | (rest > 0x7c00U ? 0x400000U : 0U)));
  // Multiplying by 2^112 rebases the exponent and normalises subnormal halves in one exact step.
  const F magnitude = as_f(wrap(rest << 13)) * 0x1p112f;
  return as_f(wrap(raw(bits(magnitude)) | sign));
}
ORIEL_SIMD_INLINE void store_f16(std::uint16_t* p, F x) {
  const std::uint32_t u = raw(bits(x));
  const std::uint32_t sign = (u >> 16) & 0x8000U;
  const std::uint32_t rest = u & 0x7fffffffU;
  std::uint32_t half = 0;
  if (rest > 0x7f800000U) {
    half = 0x7e00U | ((rest >> 13) & 0x3ffU);
  } else if (rest >= 0x477ff000U) {
    half = 0x7c00U;
  } else if (rest >= 0x38800000U) {
    half = (rest + 0xfffU + ((rest >> 13) & 1U) - 0x38000000U) >> 13;
  } else {
    // Below the normal range: adding 0.5 leaves the rounded subnormal in the low mantissa bits.
    half = raw(bits(as_f(wrap(rest)) + 0.5f)) - 0x3f000000U;
  }
  *p = static_cast<std::uint16_t>(sign | half);
}
ORIEL_SIMD_INLINE F load_bf16(const std::uint16_t* p) { return as_f(wrap(static_cast<std::uint32_t>(*p) << 16)); }
ORIEL_SIMD_INLINE void store_bf16(std::uint16_t* p, F x) {
  const std::uint32_t u = raw(bits(x));
  *p = static_cast<std::uint16_t>((x != x ? (u | 0x400000U) : u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
}
ORIEL_SIMD_INLINE I load_u8(const std::uint8_t* p) { return *p; }
ORIEL_SIMD_INLINE I load_s8(const std::int8_t* p) { return *p; }
ORIEL_SIMD_INLINE I load_u16(const std::uint16_t* p) { return *p; }
ORIEL_SIMD_INLINE I load_s16(const std::int16_t* p) { return *p; }
ORIEL_SIMD_INLINE void store_u8(std::uint8_t* p, I x) { *p = static_cast<std::uint8_t>(max(0, min(x, 255))); }
ORIEL_SIMD_INLINE void store_s8(std::int8_t* p, I x) { *p = static_cast<std::int8_t>(max(-128, min(x, 127))); }
ORIEL_SIMD_INLINE void store_u16(std::uint16_t* p, I x) { *p = static_cast<std::uint16_t>(max(0, min(x, 65535))); }
ORIEL_SIMD_INLINE void store_s16(std::int16_t* p, I x) { *p = static_cast<std::int16_t>(max(-32768, min(x, 32767))); }

ORIEL_SIMD_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }

ORIEL_SIMD_INLINE void transpose_lanes(F (&)[kLanes]) {}

}  // namespace
}  // namespace oriel::kernels
