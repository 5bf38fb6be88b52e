// Depthwise convolution of bf16 in memory, computed in f32, for AVX-512 BF16.
#include "kernels/conv/lanes_avx512.h"
#include "kernels/depthwise/depthwise.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr bool kNarrow = true;
using Input = std::uint16_t;
ORIEL_INLINE F load_input(const Input* p) { return load_bf16(p); }

#include "kernels/depthwise/depthwise_body.inc"

}  // namespace

const DepthwiseRun kDepthwiseBf16 = run_depthwise;

}  // namespace oriel::kernels
