// Conversions between f32 and narrow types, AVX-512.
#include "kernels/elementwise/cast_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/cast.inc"
}  // namespace

ORIEL_CAST_TABLE(kCastAvx512)

}  // namespace oriel::kernels
