// Planar convolution for AVX-512.
#include "kernels/conv/lanes_avx512.h"
#include "kernels/conv/planar.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr int kRegisters = 32;

#include "kernels/conv/planar_body.inc"

}  // namespace

void (*const kPlanarAvx512)(const PlanarUnit& unit) = run_planar;

}  // namespace oriel::kernels
