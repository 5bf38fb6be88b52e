// Folds of f32 rows and columns, AVX-512.
#include "kernels/reduce/reduce_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/reduce/reduce.inc"
}  // namespace

ORIEL_REDUCE_TABLE(kReduceAvx512)

}  // namespace oriel::kernels
