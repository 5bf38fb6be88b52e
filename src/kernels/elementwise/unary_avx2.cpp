// Elementwise functions, AVX2.
#include "kernels/elementwise/unary_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/unary.inc"
}  // namespace

ORIEL_UNARY_TABLE(kUnaryAvx2)

}  // namespace oriel::kernels
