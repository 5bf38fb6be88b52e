// Planar convolution for any processor.
#include "kernels/conv/lanes_scalar.h"
#include "kernels/conv/planar.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

constexpr int kRegisters = 16;

#include "kernels/conv/planar_body.inc"

}  // namespace

void (*const kPlanarScalar)(const PlanarUnit& unit) = run_planar;

}  // namespace oriel::kernels
