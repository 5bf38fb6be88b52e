// Planar convolution for AVX2.
#include "kernels/conv/lanes_avx2.h"
#include "kernels/conv/planar.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr int kRegisters = 16;

#include "kernels/conv/planar_body.inc"

}  // namespace

void (*const kPlanarAvx2)(const PlanarUnit& unit) = run_planar;

}  // namespace oriel::kernels
