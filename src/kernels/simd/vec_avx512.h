// The vector vocabulary for AVX-512 (F, DQ, BW, VL): 16 floats or 32-bit integers. vec_avx2.h and vec_scalar.h define
// the same names, so that a body in an .inc file compiles for each level. Only for objects named *_avx512, *_vnni,
// *_bf16.
#pragma once

// The compiler's own header declares its don't-care operands in a way that its analysis flags once inlined.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <cstdint>

#define ORIEL_SIMD_INLINE inline __attribute__((always_inline))

namespace oriel::kernels {
namespace {

using F = __m512;     ///< kLanes floats; + - * / and unary - work lane by lane
using I = __m512i;    ///< kLanes 32-bit integers; use the named functions below
using M = __mmask16;  ///< one truth value a lane
constexpr int kLanes = 16;

/// The first n lanes (0 <= n <= kLanes).
ORIEL_SIMD_INLINE M first(int n) { return static_cast<M>(_bzhi_u32(0xffff, static_cast<unsigned>(n))); }

ORIEL_SIMD_INLINE F set(float x) { return _mm512_set1_ps(x); }
ORIEL_SIMD_INLINE F zero() { return _mm512_setzero_ps(); }
ORIEL_SIMD_INLINE I set_i(std::int32_t x) { return _mm512_set1_epi32(x); }

/// Unaligned loads and stores. The _n forms touch the first n elements only; lanes beyond read as zero.
ORIEL_SIMD_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
ORIEL_SIMD_INLINE F load_n(const float* p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
ORIEL_SIMD_INLINE void store(float* p, F x) { _mm512_storeu_ps(p, x); }
ORIEL_SIMD_INLINE void store_n(float* p, F x, int n) { _mm512_mask_storeu_ps(p, first(n), x); }
ORIEL_SIMD_INLINE I load(const std::int32_t* p) { return _mm512_loadu_si512(p); }
ORIEL_SIMD_INLINE I load_n(const std::int32_t* p, int n) { return _mm512_maskz_loadu_epi32(first(n), p); }
ORIEL_SIMD_INLINE void store(std::int32_t* p, I x) { _mm512_storeu_si512(p, x); }
ORIEL_SIMD_INLINE void store_n(std::int32_t* p, I x, int n) { _mm512_mask_storeu_epi32(p, first(n), x); }

/// a * b + c and c - a * b, one rounding where the level has FMA.
ORIEL_SIMD_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
ORIEL_SIMD_INLINE F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
/// The second operand where either is NaN: clamp as max(set(lo), x) to let NaN through.
ORIEL_SIMD_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
ORIEL_SIMD_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
ORIEL_SIMD_INLINE F sqrt(F a) { return _mm512_sqrt_ps(a); }
ORIEL_SIMD_INLINE F abs(F a) { return _mm512_abs_ps(a); }
ORIEL_SIMD_INLINE F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
ORIEL_SIMD_INLINE F floor(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
ORIEL_SIMD_INLINE F ceil(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
ORIEL_SIMD_INLINE F trunc(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }

/// The bits of a float as an integer and back; cvt_i rounds to nearest even, cvtt_i truncates, out of range gives
/// INT_MIN.
ORIEL_SIMD_INLINE I bits(F a) { return _mm512_castps_si512(a); }
ORIEL_SIMD_INLINE F as_f(I a) { return _mm512_castsi512_ps(a); }
ORIEL_SIMD_INLINE F cvt_f(I a) { return _mm512_cvtepi32_ps(a); }
ORIEL_SIMD_INLINE I cvt_i(F a) { return _mm512_cvtps_epi32(a); }
ORIEL_SIMD_INLINE I cvtt_i(F a) { return _mm512_cvttps_epi32(a); }

ORIEL_SIMD_INLINE I add(I a, I b) { return _mm512_add_epi32(a, b); }
ORIEL_SIMD_INLINE I sub(I a, I b) { return _mm512_sub_epi32(a, b); }
ORIEL_SIMD_INLINE I mul(I a, I b) { return _mm512_mullo_epi32(a, b); }
ORIEL_SIMD_INLINE I min(I a, I b) { return _mm512_min_epi32(a, b); }
ORIEL_SIMD_INLINE I max(I a, I b) { return _mm512_max_epi32(a, b); }
ORIEL_SIMD_INLINE I bit_and(I a, I b) { return _mm512_and_si512(a, b); }
ORIEL_SIMD_INLINE I bit_or(I a, I b) { return _mm512_or_si512(a, b); }
ORIEL_SIMD_INLINE I bit_xor(I a, I b) { return _mm512_xor_si512(a, b); }
template <int kBits>
ORIEL_SIMD_INLINE I shift_left(I a) {
  return _mm512_slli_epi32(a, kBits);
}
template <int kBits>
ORIEL_SIMD_INLINE I shift_right(I a) {
  return _mm512_srli_epi32(a, kBits);
}
template <int kBits>
ORIEL_SIMD_INLINE I shift_right_signed(I a) {
  return _mm512_srai_epi32(a, kBits);
}

/// Ordered comparisons, false for NaN; not_equal is true for NaN.
ORIEL_SIMD_INLINE M less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
ORIEL_SIMD_INLINE M less_equal(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
ORIEL_SIMD_INLINE M equal(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
ORIEL_SIMD_INLINE M not_equal(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ); }
ORIEL_SIMD_INLINE M less(I a, I b) { return _mm512_cmplt_epi32_mask(a, b); }
ORIEL_SIMD_INLINE M equal(I a, I b) { return _mm512_cmpeq_epi32_mask(a, b); }
ORIEL_SIMD_INLINE M either(M a, M b) { return static_cast<M>(a | b); }
ORIEL_SIMD_INLINE M both(M a, M b) { return static_cast<M>(a & b); }
ORIEL_SIMD_INLINE bool any(M a) { return a != 0; }
/// a where the mask holds, else b.
ORIEL_SIMD_INLINE F select(M m, F a, F b) { return _mm512_mask_blend_ps(m, b, a); }
ORIEL_SIMD_INLINE I select(M m, I a, I b) { return _mm512_mask_blend_epi32(m, b, a); }
/// The magnitude of a with the sign of b.
ORIEL_SIMD_INLINE F copysign(F a, F b) {
  return as_f(_mm512_ternarylogic_epi32(set_i(INT32_MIN), bits(b), bits(a), 0xca));
}
/// x * 2^n for integral n in [-280, 280], exact up to the final rounding.
ORIEL_SIMD_INLINE F scale(F x, F n) { return _mm512_scalef_ps(x, n); }

ORIEL_SIMD_INLINE float sum(F a) { return _mm512_reduce_add_ps(a); }
ORIEL_SIMD_INLINE float product(F a) { return _mm512_reduce_mul_ps(a); }
/// NaN in any lane may or may not come through.
ORIEL_SIMD_INLINE float lowest(F a) { return _mm512_reduce_min_ps(a); }
ORIEL_SIMD_INLINE float highest(F a) { return _mm512_reduce_max_ps(a); }

/// Narrow types widened to float or from it; integers saturate after rounding to nearest even (NaN gives the lowest).
ORIEL_SIMD_INLINE F load_f16(const std::uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
ORIEL_SIMD_INLINE void store_f16(std::uint16_t* p, F x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
ORIEL_SIMD_INLINE F load_bf16(const std::uint16_t* p) {
  return as_f(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
}
ORIEL_SIMD_INLINE void store_bf16(std::uint16_t* p, F x) {
  const I u = bits(x);
  const I rounded = add(u, add(set_i(0x7fff), bit_and(shift_right<16>(u), set_i(1))));
  const I quiet = bit_or(u, set_i(0x400000));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(shift_right<16>(select(not_equal(x, x), quiet, rounded))));
}
ORIEL_SIMD_INLINE I load_u8(const std::uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
ORIEL_SIMD_INLINE I load_s8(const std::int8_t* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
ORIEL_SIMD_INLINE I load_u16(const std::uint16_t* p) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
ORIEL_SIMD_INLINE I load_s16(const std::int16_t* p) {
  return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
ORIEL_SIMD_INLINE void store_u8(std::uint8_t* p, I x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(max(x, set_i(0))));
}
ORIEL_SIMD_INLINE void store_s8(std::int8_t* p, I x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(x));
}
ORIEL_SIMD_INLINE void store_u16(std::uint16_t* p, I x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtusepi32_epi16(max(x, set_i(0))));
}
ORIEL_SIMD_INLINE void store_s16(std::int16_t* p, I x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtsepi32_epi16(x));
}

ORIEL_SIMD_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

/// The 16 x 16 matrix in r, transposed in place: r[i] lane j becomes r[j] lane i.
ORIEL_SIMD_INLINE void transpose_lanes(F (&r)[kLanes]) {
  F t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

/// Half a vector, for panels whose width is not a multiple of kLanes.
using H = __m256;
ORIEL_SIMD_INLINE H load_half(const float* p) { return _mm256_loadu_ps(p); }
ORIEL_SIMD_INLINE H set_half(float x) { return _mm256_set1_ps(x); }
ORIEL_SIMD_INLINE H fma(H a, H b, H c) { return _mm256_fmadd_ps(a, b, c); }
ORIEL_SIMD_INLINE F widen(H a) { return _mm512_zextps256_ps512(a); }

}  // namespace
}  // namespace oriel::kernels
