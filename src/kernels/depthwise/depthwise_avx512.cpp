// Depthwise convolution for AVX-512.
#include "kernels/conv/lanes_avx512.h"
#include "kernels/depthwise/depthwise.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr bool kNarrow = false;
using Input = float;
ORIEL_INLINE F load_input(const Input* p) { return load(p); }

#include "kernels/depthwise/depthwise_body.inc"

}  // namespace

const DepthwiseRun kDepthwiseAvx512 = run_depthwise;

}  // namespace oriel::kernels
