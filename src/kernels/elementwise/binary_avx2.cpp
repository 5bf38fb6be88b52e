// f32 operations of two operands, AVX2.
#include "kernels/elementwise/binary_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/binary.inc"
}  // namespace

ORIEL_BINARY_TABLE(kBinaryAvx2)

}  // namespace oriel::kernels
