// The vector vocabulary for AVX2 with FMA and F16C: 8 floats or 32-bit integers. Contracts stand in vec_avx512.h.
// Only for objects named *_avx2.
#pragma once

#include <immintrin.h>

#include <cstdint>

#define ORIEL_SIMD_INLINE inline __attribute__((always_inline))

namespace oriel::kernels {
namespace {

using F = __m256;
using I = __m256i;
using M = __m256;
constexpr int kLanes = 8;

alignas(32) constexpr std::int32_t kFirstLanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

ORIEL_SIMD_INLINE I first_i(int n) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirstLanes + (8 - n)));
}
ORIEL_SIMD_INLINE M first(int n) { return _mm256_castsi256_ps(first_i(n)); }

ORIEL_SIMD_INLINE F set(float x) { return _mm256_set1_ps(x); }
ORIEL_SIMD_INLINE F zero() { return _mm256_setzero_ps(); }
ORIEL_SIMD_INLINE I set_i(std::int32_t x) { return _mm256_set1_epi32(x); }

ORIEL_SIMD_INLINE F load(const float* p) { return _mm256_loadu_ps(p); }
ORIEL_SIMD_INLINE F load_n(const float* p, int n) { return _mm256_maskload_ps(p, first_i(n)); }
ORIEL_SIMD_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x); }
ORIEL_SIMD_INLINE void store_n(float* p, F x, int n) { _mm256_maskstore_ps(p, first_i(n), x); }
ORIEL_SIMD_INLINE I load(const std::int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
ORIEL_SIMD_INLINE I load_n(const std::int32_t* p, int n) { return _mm256_maskload_epi32(p, first_i(n)); }
ORIEL_SIMD_INLINE void store(std::int32_t* p, I x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
ORIEL_SIMD_INLINE void store_n(std::int32_t* p, I x, int n) { _mm256_maskstore_epi32(p, first_i(n), x); }

ORIEL_SIMD_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
ORIEL_SIMD_INLINE F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }
ORIEL_SIMD_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
ORIEL_SIMD_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
ORIEL_SIMD_INLINE F sqrt(F a) { return _mm256_sqrt_ps(a); }
ORIEL_SIMD_INLINE F abs(F a) { return _mm256_andnot_ps(set(-0.0f), a); }
ORIEL_SIMD_INLINE F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
ORIEL_SIMD_INLINE F floor(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
ORIEL_SIMD_INLINE F ceil(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
ORIEL_SIMD_INLINE F trunc(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }

ORIEL_SIMD_INLINE I bits(F a) { return _mm256_castps_si256(a); }
ORIEL_SIMD_INLINE F as_f(I a) { return _mm256_castsi256_ps(a); }
ORIEL_SIMD_INLINE F cvt_f(I a) { return _mm256_cvtepi32_ps(a); }
ORIEL_SIMD_INLINE I cvt_i(F a) { return _mm256_cvtps_epi32(a); }
ORIEL_SIMD_INLINE I cvtt_i(F a) { return _mm256_cvttps_epi32(a); }

ORIEL_SIMD_INLINE I add(I a, I b) { return _mm256_add_epi32(a, b); }
ORIEL_SIMD_INLINE I sub(I a, I b) { return _mm256_sub_epi32(a, b); }
ORIEL_SIMD_INLINE I mul(I a, I b) { return _mm256_mullo_epi32(a, b); }
ORIEL_SIMD_INLINE I min(I a, I b) { return _mm256_min_epi32(a, b); }
ORIEL_SIMD_INLINE I max(I a, I b) { return _mm256_max_epi32(a, b); }
ORIEL_SIMD_INLINE I bit_and(I a, I b) { return _mm256_and_si256(a, b); }
ORIEL_SIMD_INLINE I bit_or(I a, I b) { return _mm256_or_si256(a, b); }
ORIEL_SIMD_INLINE I bit_xor(I a, I b) { return _mm256_xor_si256(a, b); }
template <int kBits>
ORIEL_SIMD_INLINE I shift_left(I a) {
  return _mm256_slli_epi32(a, kBits);
}
template <int kBits>
ORIEL_SIMD_INLINE I shift_right(I a) {
  return _mm256_srli_epi32(a, kBits);
}
template <int kBits>
ORIEL_SIMD_INLINE I shift_right_signed(I a) {
  return _mm256_srai_epi32(a, kBits);
}

ORIEL_SIMD_INLINE M less(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
ORIEL_SIMD_INLINE M less_equal(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
ORIEL_SIMD_INLINE M equal(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
ORIEL_SIMD_INLINE M not_equal(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_NEQ_UQ); }
ORIEL_SIMD_INLINE M less(I a, I b) { return as_f(_mm256_cmpgt_epi32(b, a)); }
ORIEL_SIMD_INLINE M equal(I a, I b) { return as_f(_mm256_cmpeq_epi32(a, b)); }
ORIEL_SIMD_INLINE M either(M a, M b) { return _mm256_or_ps(a, b); }
ORIEL_SIMD_INLINE M both(M a, M b) { return _mm256_and_ps(a, b); }
ORIEL_SIMD_INLINE bool any(M a) { return _mm256_movemask_ps(a) != 0; }
ORIEL_SIMD_INLINE F select(M m, F a, F b) { return _mm256_blendv_ps(b, a, m); }
ORIEL_SIMD_INLINE I select(M m, I a, I b) { return bits(_mm256_blendv_ps(as_f(b), as_f(a), m)); }
ORIEL_SIMD_INLINE F copysign(F a, F b) {
  return _mm256_or_ps(_mm256_andnot_ps(set(-0.0f), a), _mm256_and_ps(set(-0.0f), b));
}
/// Two factors 2^(n/2) and 2^(n - n/2), each a normal number for |n| <= 252; beyond, n saturates.
ORIEL_SIMD_INLINE F scale(F x, F n) {
  const I whole = cvt_i(max(set(-252.0f), min(n, set(252.0f))));
  const I half = shift_right_signed<1>(whole);
  const I rest = sub(whole, half);
  const F a = as_f(shift_left<23>(add(half, set_i(127))));
  const F b = as_f(shift_left<23>(add(rest, set_i(127))));
  return x * a * b;
}

ORIEL_SIMD_INLINE __m128 fold_sum(F a) { return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)); }
ORIEL_SIMD_INLINE float sum(F a) {
  __m128 h = fold_sum(a);
  h = _mm_add_ps(h, _mm_movehl_ps(h, h));
  return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}
ORIEL_SIMD_INLINE float product(F a) {
  __m128 h = _mm_mul_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  h = _mm_mul_ps(h, _mm_movehl_ps(h, h));
  return _mm_cvtss_f32(_mm_mul_ss(h, _mm_movehdup_ps(h)));
}
ORIEL_SIMD_INLINE float lowest(F a) {
  __m128 h = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  h = _mm_min_ps(h, _mm_movehl_ps(h, h));
  return _mm_cvtss_f32(_mm_min_ss(h, _mm_movehdup_ps(h)));
}
ORIEL_SIMD_INLINE float highest(F a) {
  __m128 h = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  h = _mm_max_ps(h, _mm_movehl_ps(h, h));
  return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
}

ORIEL_SIMD_INLINE F load_f16(const std::uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
ORIEL_SIMD_INLINE void store_f16(std::uint16_t* p, F x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
ORIEL_SIMD_INLINE F load_bf16(const std::uint16_t* p) {
  return as_f(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}
/// The eight values, each within 16 bits, packed in order.
ORIEL_SIMD_INLINE __m128i narrow_u16(I x) {
  return _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}
ORIEL_SIMD_INLINE __m128i narrow_s16(I x) {
  return _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}
ORIEL_SIMD_INLINE void store_bf16(std::uint16_t* p, F x) {
  const I u = bits(x);
  const I rounded = add(u, add(set_i(0x7fff), bit_and(shift_right<16>(u), set_i(1))));
  const I quiet = bit_or(u, set_i(0x400000));
  const I kept = select(not_equal(x, x), quiet, rounded);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow_u16(shift_right<16>(kept)));
}
ORIEL_SIMD_INLINE I load_u8(const std::uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
ORIEL_SIMD_INLINE I load_s8(const std::int8_t* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
ORIEL_SIMD_INLINE I load_u16(const std::uint16_t* p) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
ORIEL_SIMD_INLINE I load_s16(const std::int16_t* p) {
  return _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
ORIEL_SIMD_INLINE void store_u8(std::uint8_t* p, I x) {
  const __m128i wide = narrow_s16(x);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(wide, wide));
}
ORIEL_SIMD_INLINE void store_s8(std::int8_t* p, I x) {
  const __m128i wide = narrow_s16(x);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(wide, wide));
}
ORIEL_SIMD_INLINE void store_u16(std::uint16_t* p, I x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow_u16(x));
}
ORIEL_SIMD_INLINE void store_s16(std::int16_t* p, I x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow_s16(x));
}

ORIEL_SIMD_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

ORIEL_SIMD_INLINE void transpose_lanes(F (&r)[kLanes]) {
  F t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = t[i];
}

using H = __m128;
ORIEL_SIMD_INLINE H load_half(const float* p) { return _mm_loadu_ps(p); }
ORIEL_SIMD_INLINE H set_half(float x) { return _mm_set1_ps(x); }
ORIEL_SIMD_INLINE H fma(H a, H b, H c) { return _mm_fmadd_ps(a, b, c); }
ORIEL_SIMD_INLINE F widen(H a) { return _mm256_zextps128_ps256(a); }

}  // namespace
}  // namespace oriel::kernels
