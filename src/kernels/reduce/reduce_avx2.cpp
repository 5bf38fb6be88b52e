// Folds of f32 rows and columns, AVX2.
#include "kernels/reduce/reduce_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/reduce/reduce.inc"
}  // namespace

ORIEL_REDUCE_TABLE(kReduceAvx2)

}  // namespace oriel::kernels
