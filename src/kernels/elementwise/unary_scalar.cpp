// Elementwise functions, portable C++.
#include "kernels/elementwise/unary_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/unary.inc"
}  // namespace

ORIEL_UNARY_TABLE(kUnaryScalar)

}  // namespace oriel::kernels
