// Conversions between f32 and narrow types, portable C++.
#include "kernels/elementwise/cast_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/cast.inc"
}  // namespace

ORIEL_CAST_TABLE(kCastScalar)

}  // namespace oriel::kernels
