// The few vector operations that convolution kernels need, for any processor: one native vector is 4 floats in the
// compiler's own vector type, which becomes whatever the baseline offers.
#pragma once

#include <cstdint>

#define ORIEL_INLINE inline __attribute__((always_inline))

namespace oriel::kernels {
namespace {

using F = float __attribute__((vector_size(16)));
using H = float __attribute__((vector_size(8)));
using I = std::int32_t __attribute__((vector_size(16)));
using UnalignedF = float __attribute__((vector_size(16), aligned(4), may_alias));
constexpr int kLanes = 4;

ORIEL_INLINE F set(float x) { return F{x, x, x, x}; }
ORIEL_INLINE F zero() { return F{}; }
ORIEL_INLINE F load(const float* p) { return *reinterpret_cast<const UnalignedF*>(p); }
ORIEL_INLINE void store(float* p, F x) { *reinterpret_cast<UnalignedF*>(p) = x; }
ORIEL_INLINE F fma(F a, F b, F c) { return a * b + c; }
ORIEL_INLINE F fnma(F a, F b, F c) { return c - a * b; }
/// acc += a * b.
ORIEL_INLINE void accumulate(F& acc, F a, F b) { acc += a * b; }
ORIEL_INLINE void accumulate(H& acc, H a, H b) { acc += a * b; }
/// The second operand where either is NaN.
ORIEL_INLINE F min(F a, F b) { return a < b ? a : b; }
ORIEL_INLINE F max(F a, F b) { return a > b ? a : b; }
/// a where x < 0, else b.
ORIEL_INLINE F where_negative(F x, F a, F b) { return x < F{} ? a : b; }
/// NaN where `a` is NaN, else x.
ORIEL_INLINE F or_nan(F x, F a) { return a != a ? a : x; }
/// To nearest, ties to even, for |a| < 2^22.
ORIEL_INLINE F round(F a) {
  const F shift = set(12582912.0F);
  return (a + shift) - shift;
}
/// 2^n for integral n in [-126, 127].
ORIEL_INLINE F power_of_two(F n) {
  return reinterpret_cast<F>((__builtin_convertvector(n, I) + I{127, 127, 127, 127}) << 23);
}
/// x * 2^n for integral n in [-126, 127].
ORIEL_INLINE F scale_by_power(F x, F n) { return x * power_of_two(n); }
/// 1 / x.
ORIEL_INLINE F reciprocal(F x) { return set(1.0F) / x; }
ORIEL_INLINE I bits(F a) { return reinterpret_cast<I>(a); }
ORIEL_INLINE F as_f(I a) { return reinterpret_cast<F>(a); }
ORIEL_INLINE I set_i(std::int32_t x) { return I{x, x, x, x}; }
ORIEL_INLINE I bit_and(I a, I b) { return a & b; }
ORIEL_INLINE I bit_or(I a, I b) { return a | b; }
ORIEL_INLINE I add_i(I a, I b) { return a + b; }
ORIEL_INLINE I sub_i(I a, I b) { return a - b; }
template <int kBits>
ORIEL_INLINE I shift_right_signed(I a) {
  return a >> kBits;
}
/// Toward zero.
ORIEL_INLINE I cvt_i(F a) { return __builtin_convertvector(a, I); }
ORIEL_INLINE F cvt_f(I a) { return __builtin_convertvector(a, F); }

ORIEL_INLINE I load_i(const std::int32_t* p) { return I{p[0], p[1], p[2], p[3]}; }
/// x[index[0]], x[index[1]], ...
ORIEL_INLINE F permute(F x, I index) { return F{x[index[0]], x[index[1]], x[index[2]], x[index[3]]}; }
/// The kCount floats at p, over and over: 1 or 2 of them.
template <int kCount>
ORIEL_INLINE F repeat(const float* p) {
  return kCount == 1 ? set(*p) : F{p[0], p[1], p[0], p[1]};
}

ORIEL_INLINE H half_load(const float* p) { return H{p[0], p[1]}; }
ORIEL_INLINE H half_zero() { return H{}; }
ORIEL_INLINE H low_half(F a) { return H{a[0], a[1]}; }
ORIEL_INLINE F widen(H a) { return F{a[0], a[1], 0.0F, 0.0F}; }

/// kLanes narrow elements as floats; bf16 rounded to nearest even, NaN kept.
template <typename Byte>
ORIEL_INLINE F load_bytes(const Byte* p) {
  return F{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]), static_cast<float>(p[3])};
}
ORIEL_INLINE F load_u8(const std::uint8_t* p) { return load_bytes(p); }
ORIEL_INLINE F load_s8(const std::int8_t* p) { return load_bytes(p); }
ORIEL_INLINE F load_bf16(const std::uint16_t* p) { return as_f(I{p[0], p[1], p[2], p[3]} << 16); }
ORIEL_INLINE void store_bf16(std::uint16_t* p, F x) {
  const I u = bits(x);
  const I rounded = u + 0x7fff + ((u >> 16) & 1);
  const I all = x != x ? u | 0x400000 : rounded;
  for (int l = 0; l < kLanes; ++l) p[l] = static_cast<std::uint16_t>(all[l] >> 16);
}

}  // namespace
}  // namespace oriel::kernels
