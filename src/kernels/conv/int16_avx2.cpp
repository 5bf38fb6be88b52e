// 8-bit direct convolution for AVX2.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_avx2.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr int kVectorsWide = 2;
constexpr int kMaxRows = 6;

/// Written so that the compiler keeps no products for later sums, which it has no registers for.
ORIEL_INLINE void add_pairs(I& acc, I a, I b) {
  I pairs;
  __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(acc), "=&x"(pairs) : "x"(a), "x"(b));
}

ORIEL_INLINE void store_bytes(std::uint8_t* to, F x, std::int32_t zero_point) {
  const I q = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(zero_point));
  const I low = _mm256_and_si256(q, _mm256_set1_epi32(255));
  const __m128i half = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(half, half));
}

#include "kernels/conv/int16_body.inc"
// The second calls the first, whose name sorts behind it.
// clang-format off
#include "kernels/conv/pack_none.inc"
#include "kernels/conv/narrow_body.inc"
// clang-format on

}  // namespace

const NarrowKernels kInt16Avx2 = {run, tiles_for, 16, kMaxRows, 2, widen, integrate, finish, finish_floats};

}  // namespace oriel::kernels
