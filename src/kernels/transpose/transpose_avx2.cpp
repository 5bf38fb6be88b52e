// Transposes of 4-byte elements, AVX2.
#include "kernels/simd/vec_avx2.h"
#include "kernels/transpose/transpose_table.h"

namespace oriel::kernels {
namespace {
#include "kernels/transpose/transpose.inc"
}  // namespace

const TransposeTable kTransposeAvx2 = {.four_bytes = transpose_4, .interleaved_bytes = transpose_interleaved};

}  // namespace oriel::kernels
