// The few vector operations that convolution kernels need, for AVX-512: one native vector is 16 floats, a half is 8.
// lanes_avx2.h and lanes_scalar.h define the same names. Only for objects compiled for this level.
#pragma once

#include <immintrin.h>

#include <cstdint>

// GCC 12 warns about the deliberately undefined operands inside its own intrinsics.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define ORIEL_INLINE inline __attribute__((always_inline))

namespace oriel::kernels {
namespace {

using F = __m512;
using H = __m256;
using I = __m512i;
constexpr int kLanes = 16;

ORIEL_INLINE F set(float x) { return _mm512_set1_ps(x); }
ORIEL_INLINE F zero() { return _mm512_setzero_ps(); }
ORIEL_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
ORIEL_INLINE void store(float* p, F x) { _mm512_storeu_ps(p, x); }
ORIEL_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
ORIEL_INLINE F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
/// acc += a * b, written so that the compiler neither moves accumulators nor loads b again for every use.
ORIEL_INLINE void accumulate(F& acc, F a, F b) { __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b)); }
ORIEL_INLINE void accumulate(H& acc, H a, H b) { __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b)); }
/// The second operand where either is NaN.
ORIEL_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
ORIEL_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
/// a where x < 0, else b.
ORIEL_INLINE F where_negative(F x, F a, F b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), b, a);
}
/// NaN where `a` is NaN, else x.
ORIEL_INLINE F or_nan(F x, F a) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), x, a); }
ORIEL_INLINE F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/// 2^n for integral n in [-126, 127].
ORIEL_INLINE F power_of_two(F n) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}
/// x * 2^n for integral n in [-126, 127].
ORIEL_INLINE F scale_by_power(F x, F n) { return _mm512_scalef_ps(x, n); }
/// 1 / x for 2^-126 < |x| < 2^126, within one unit in the last place or so; NaN of NaN.
ORIEL_INLINE F reciprocal(F x) {
  const F y = _mm512_rcp14_ps(x);
  return fma(y, fnma(x, y, set(1.0F)), y);
}
ORIEL_INLINE I bits(F a) { return _mm512_castps_si512(a); }
ORIEL_INLINE F as_f(I a) { return _mm512_castsi512_ps(a); }
ORIEL_INLINE I set_i(std::int32_t x) { return _mm512_set1_epi32(x); }
ORIEL_INLINE I bit_and(I a, I b) { return _mm512_and_si512(a, b); }
ORIEL_INLINE I bit_or(I a, I b) { return _mm512_or_si512(a, b); }
ORIEL_INLINE I add_i(I a, I b) { return _mm512_add_epi32(a, b); }
ORIEL_INLINE I sub_i(I a, I b) { return _mm512_sub_epi32(a, b); }
template <int kBits>
ORIEL_INLINE I shift_right_signed(I a) {
  return _mm512_srai_epi32(a, kBits);
}
/// Toward zero.
ORIEL_INLINE I cvt_i(F a) { return _mm512_cvttps_epi32(a); }
ORIEL_INLINE F cvt_f(I a) { return _mm512_cvtepi32_ps(a); }

ORIEL_INLINE I load_i(const std::int32_t* p) { return _mm512_loadu_si512(p); }
/// x[index[0]], x[index[1]], ...
ORIEL_INLINE F permute(F x, I index) { return _mm512_permutexvar_ps(index, x); }
/// The kCount floats at p, over and over: 1, 2, 4 or 8 of them, fewer than kLanes.
template <int kCount>
ORIEL_INLINE F repeat(const float* p) {
  if constexpr (kCount == 1) {
    return set(*p);
  } else if constexpr (kCount == 2) {
    return _mm512_castpd_ps(_mm512_broadcastsd_pd(_mm_load_sd(reinterpret_cast<const double*>(p))));
  } else if constexpr (kCount == 4) {
    return _mm512_broadcast_f32x4(_mm_loadu_ps(p));
  } else {
    return _mm512_broadcast_f32x8(_mm256_loadu_ps(p));
  }
}

ORIEL_INLINE H half_load(const float* p) { return _mm256_loadu_ps(p); }
ORIEL_INLINE H half_zero() { return _mm256_setzero_ps(); }
ORIEL_INLINE H low_half(F a) { return __builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7); }
ORIEL_INLINE F widen(H a) { return _mm512_zextps256_ps512(a); }

/// kLanes narrow elements as floats; bf16 rounded to nearest even, NaN kept.
ORIEL_INLINE F load_u8(const std::uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
ORIEL_INLINE F load_s8(const std::int8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
ORIEL_INLINE F load_bf16(const std::uint16_t* p) {
  const I wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return as_f(_mm512_slli_epi32(wide, 16));
}
#ifdef __AVX512BF16__
/// Subnormals become zeros.
ORIEL_INLINE void store_bf16(std::uint16_t* p, F x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}
#else
ORIEL_INLINE void store_bf16(std::uint16_t* p, F x) {
  const I u = bits(x);
  const I odd = bit_and(_mm512_srli_epi32(u, 16), set_i(1));
  const I rounded = add_i(u, add_i(set_i(0x7fff), odd));
  const I all = _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), rounded, bit_or(u, set_i(0x400000)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(all, 16)));
}
#endif

}  // namespace
}  // namespace oriel::kernels
