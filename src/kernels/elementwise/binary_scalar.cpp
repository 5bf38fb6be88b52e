// f32 operations of two operands, portable C++.
#include "kernels/elementwise/binary_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/binary.inc"
}  // namespace

ORIEL_BINARY_TABLE(kBinaryScalar)

}  // namespace oriel::kernels
