// f32 operations of two operands, AVX-512.
#include "kernels/elementwise/binary_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/elementwise/binary.inc"
}  // namespace

ORIEL_BINARY_TABLE(kBinaryAvx512)

}  // namespace oriel::kernels
