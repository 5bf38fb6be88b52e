// Winograd convolution for the baseline.
#include "kernels/conv/lanes_scalar.h"
#include "kernels/winograd/winograd.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"
constexpr bool kBf16 = false;

#include "kernels/winograd/winograd_body.inc"

}  // namespace

const WinogradKernels kWinogradScalar = {winograd_input, winograd_output, winograd_weights};

}  // namespace oriel::kernels
