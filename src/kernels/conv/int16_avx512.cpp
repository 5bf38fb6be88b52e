// 8-bit direct convolution for AVX-512 without VNNI, and for weights or zero points that VNNI cannot take.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_avx512.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr int kVectorsWide = 2;
constexpr int kMaxRows = 12;

/// Written so that the compiler keeps no products for later sums, which it has no registers for.
ORIEL_INLINE void add_pairs(I& acc, I a, I b) {
  I pairs;
  __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(acc), "=&v"(pairs) : "v"(a), "v"(b));
}

ORIEL_INLINE void store_bytes(std::uint8_t* to, F x, std::int32_t zero_point) {
  const I q = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(zero_point));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(q));
}

#include "kernels/conv/int16_body.inc"
// Each calls the ones before.
// clang-format off
#include "kernels/conv/pack_avx512.inc"
#include "kernels/conv/pack_tile_avx512.inc"
#include "kernels/conv/narrow_body.inc"
// clang-format on

}  // namespace

const NarrowKernels kInt16Avx512 = {run, tiles_for, 32, kMaxRows, 2, widen, integrate, finish, finish_floats};

}  // namespace oriel::kernels
