// 8-bit matrix products for AVX2: tiles up to 6 x 16 of 16-bit pairs, which vpmaddwd sums without saturating.
#include "kernels/gemm/gemm_i8_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/gemm/gemm_i8_finish.inc"

using P = __m256i;
constexpr int kPairLanes = 8;
ORIEL_SIMD_INLINE P pair_zero() { return _mm256_setzero_si256(); }
ORIEL_SIMD_INLINE P pair_load(const std::uint32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
ORIEL_SIMD_INLINE P pair_set(std::uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
ORIEL_SIMD_INLINE void pair_store(std::int32_t* p, P x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
ORIEL_SIMD_INLINE P pair_dot(P acc, P a, P b) { return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)); }

#include "kernels/gemm/gemm_i8_pairs.inc"

#define ORIEL_ROWS(vecs) \
  { tile<1, vecs>, tile<2, vecs>, tile<3, vecs>, tile<4, vecs>, tile<5, vecs>, tile<6, vecs> }
}  // namespace

const GemmI8Table kGemmI8Avx2 = {
    .rows = 6,
    .panel = 16,
    .quantum = 8,
    .group = 2,
    .tiles = {ORIEL_ROWS(1), ORIEL_ROWS(2)},
    .pack_a = pack_a,
    .to_i32 = finish_i32,
    .to_f32 = finish_f32,
    .to_u8 = finish_u8,
    .to_s8 = finish_s8,
};

}  // namespace oriel::kernels
