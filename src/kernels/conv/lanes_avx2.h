// The few vector operations that convolution kernels need, for AVX2 with FMA: one native vector is 8 floats, a half
// is 4. Only for objects compiled for this level.
#pragma once

#include <immintrin.h>

#include <cstdint>

#define ORIEL_INLINE inline __attribute__((always_inline))

namespace oriel::kernels {
namespace {

using F = __m256;
using H = __m128;
using I = __m256i;
constexpr int kLanes = 8;

ORIEL_INLINE F set(float x) { return _mm256_set1_ps(x); }
ORIEL_INLINE F zero() { return _mm256_setzero_ps(); }
ORIEL_INLINE F load(const float* p) { return _mm256_loadu_ps(p); }
ORIEL_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x); }
ORIEL_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
ORIEL_INLINE F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }
/// acc += a * b, written so that the compiler neither moves accumulators nor loads b again for every use.
ORIEL_INLINE void accumulate(F& acc, F a, F b) { __asm__("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b)); }
ORIEL_INLINE void accumulate(H& acc, H a, H b) { __asm__("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b)); }
/// The second operand where either is NaN.
ORIEL_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
ORIEL_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
/// a where x < 0, else b.
ORIEL_INLINE F where_negative(F x, F a, F b) {
  return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ));
}
/// NaN where `a` is NaN, else x.
ORIEL_INLINE F or_nan(F x, F a) { return _mm256_blendv_ps(x, a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }
ORIEL_INLINE F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/// 2^n for integral n in [-126, 127].
ORIEL_INLINE F power_of_two(F n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
/// x * 2^n for integral n in [-126, 127].
ORIEL_INLINE F scale_by_power(F x, F n) { return x * power_of_two(n); }
/// 1 / x.
ORIEL_INLINE F reciprocal(F x) { return set(1.0F) / x; }
ORIEL_INLINE I bits(F a) { return _mm256_castps_si256(a); }
ORIEL_INLINE F as_f(I a) { return _mm256_castsi256_ps(a); }
ORIEL_INLINE I set_i(std::int32_t x) { return _mm256_set1_epi32(x); }
ORIEL_INLINE I bit_and(I a, I b) { return _mm256_and_si256(a, b); }
ORIEL_INLINE I bit_or(I a, I b) { return _mm256_or_si256(a, b); }
ORIEL_INLINE I add_i(I a, I b) { return _mm256_add_epi32(a, b); }
ORIEL_INLINE I sub_i(I a, I b) { return _mm256_sub_epi32(a, b); }
template <int kBits>
ORIEL_INLINE I shift_right_signed(I a) {
  return _mm256_srai_epi32(a, kBits);
}
/// Toward zero.
ORIEL_INLINE I cvt_i(F a) { return _mm256_cvttps_epi32(a); }
ORIEL_INLINE F cvt_f(I a) { return _mm256_cvtepi32_ps(a); }

ORIEL_INLINE I load_i(const std::int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
/// x[index[0]], x[index[1]], ...
ORIEL_INLINE F permute(F x, I index) { return _mm256_permutevar8x32_ps(x, index); }
/// The kCount floats at p, over and over: 1, 2 or 4 of them.
template <int kCount>
ORIEL_INLINE F repeat(const float* p) {
  if constexpr (kCount == 1) {
    return set(*p);
  } else if constexpr (kCount == 2) {
    return _mm256_castpd_ps(_mm256_broadcastsd_pd(_mm_load_sd(reinterpret_cast<const double*>(p))));
  } else {
    const __m128 four = _mm_loadu_ps(p);
    return _mm256_set_m128(four, four);
  }
}

ORIEL_INLINE H half_load(const float* p) { return _mm_loadu_ps(p); }
ORIEL_INLINE H half_zero() { return _mm_setzero_ps(); }
ORIEL_INLINE H low_half(F a) { return _mm256_castps256_ps128(a); }
ORIEL_INLINE F widen(H a) { return _mm256_zextps128_ps256(a); }

/// kLanes narrow elements as floats; bf16 rounded to nearest even, NaN kept.
ORIEL_INLINE F load_u8(const std::uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
ORIEL_INLINE F load_s8(const std::int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
ORIEL_INLINE F load_bf16(const std::uint16_t* p) {
  const I wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return as_f(_mm256_slli_epi32(wide, 16));
}
ORIEL_INLINE void store_bf16(std::uint16_t* p, F x) {
  const I u = bits(x);
  const I odd = bit_and(_mm256_srli_epi32(u, 16), set_i(1));
  const F rounded = as_f(add_i(u, add_i(set_i(0x7fff), odd)));
  const F quiet = as_f(bit_or(u, set_i(0x400000)));
  const I all = _mm256_srli_epi32(bits(_mm256_blendv_ps(rounded, quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q))), 16);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packus_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
}

}  // namespace
}  // namespace oriel::kernels
