// Winograd convolution for AVX-512.
#include "kernels/conv/lanes_avx512.h"
#include "kernels/winograd/winograd.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"
constexpr bool kBf16 = false;

#include "kernels/winograd/winograd_body.inc"

}  // namespace

const WinogradKernels kWinogradAvx512 = {winograd_input, winograd_output, winograd_weights};

}  // namespace oriel::kernels
