// 8-bit direct convolution for the baseline.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_scalar.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr int kVectorsWide = 4;
constexpr int kMaxRows = 2;

ORIEL_INLINE void add_pairs(I& acc, I a, I b) {
#ifdef __SSE2__
  acc = add_i(acc, reinterpret_cast<I>(_mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b))));
#else
  acc = add_i(acc, ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16));
#endif
}

ORIEL_INLINE void store_bytes(std::uint8_t* to, F x, std::int32_t zero_point) {
  const I q = __builtin_convertvector(round(x), I) + set_i(zero_point);
  for (int l = 0; l < kLanes; ++l) to[l] = static_cast<std::uint8_t>(q[l]);
}

#include "kernels/conv/int16_body.inc"
// The second calls the first, whose name sorts behind it.
// clang-format off
#include "kernels/conv/pack_none.inc"
#include "kernels/conv/narrow_body.inc"
// clang-format on

}  // namespace

const NarrowKernels kInt16Scalar = {run, tiles_for, 16, kMaxRows, 2, widen, integrate, finish, finish_floats};

}  // namespace oriel::kernels
