// 8-bit matrix products on SSE2, which every x86-64 has: tiles up to 4 x 8 of 16-bit pairs.
#include <emmintrin.h>

#include "kernels/gemm/gemm_i8_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/gemm/gemm_i8_finish.inc"

using P = __m128i;
constexpr int kPairLanes = 4;
ORIEL_SIMD_INLINE P pair_zero() { return _mm_setzero_si128(); }
ORIEL_SIMD_INLINE P pair_load(const std::uint32_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
ORIEL_SIMD_INLINE P pair_set(std::uint32_t x) { return _mm_set1_epi32(static_cast<int>(x)); }
ORIEL_SIMD_INLINE void pair_store(std::int32_t* p, P x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x); }
ORIEL_SIMD_INLINE P pair_dot(P acc, P a, P b) { return _mm_add_epi32(acc, _mm_madd_epi16(a, b)); }

#include "kernels/gemm/gemm_i8_pairs.inc"

#define ORIEL_ROWS(vecs) \
  { tile<1, vecs>, tile<2, vecs>, tile<3, vecs>, tile<4, vecs> }
}  // namespace

const GemmI8Table kGemmI8Scalar = {
    .rows = 4,
    .panel = 8,
    .quantum = 4,
    .group = 2,
    .tiles = {ORIEL_ROWS(1), ORIEL_ROWS(2)},
    .pack_a = pack_a,
    .to_i32 = finish_i32,
    .to_f32 = finish_f32,
    .to_u8 = finish_u8,
    .to_s8 = finish_s8,
};

}  // namespace oriel::kernels
