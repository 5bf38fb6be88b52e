// Transposes of 4-byte elements, AVX-512.
#include "kernels/simd/vec_avx512.h"
#include "kernels/transpose/transpose_table.h"

namespace oriel::kernels {
namespace {
#include "kernels/transpose/transpose.inc"
}  // namespace

const TransposeTable kTransposeAvx512 = {.four_bytes = transpose_4, .interleaved_bytes = transpose_interleaved};

}  // namespace oriel::kernels
