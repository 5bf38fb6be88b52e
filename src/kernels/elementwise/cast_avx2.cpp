// Conversions between f32 and narrow types, AVX2.
#include "kernels/elementwise/cast_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/cast.inc"
}  // namespace

ORIEL_CAST_TABLE(kCastAvx2)

}  // namespace oriel::kernels
