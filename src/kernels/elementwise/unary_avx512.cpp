// Elementwise functions, AVX-512.
#include "kernels/elementwise/unary_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/unary.inc"
}  // namespace

ORIEL_UNARY_TABLE(kUnaryAvx512)

}  // namespace oriel::kernels
