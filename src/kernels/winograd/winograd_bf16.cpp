// Winograd convolution of bf16 by AVX-512 BF16's dot products: F(2x2), whose rounding stays near that of direct bf16.
#include "kernels/conv/lanes_avx512.h"
#include "kernels/winograd/winograd.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr bool kBf16 = true;

#include "kernels/winograd/winograd_body.inc"

}  // namespace

const WinogradKernels kWinogradBf16 = {winograd_input, winograd_output, winograd_weights};

}  // namespace oriel::kernels
