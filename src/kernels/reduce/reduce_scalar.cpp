// Folds of f32 rows and columns, portable C++.
#include "kernels/reduce/reduce_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/reduce/reduce.inc"
}  // namespace

ORIEL_REDUCE_TABLE(kReduceScalar)

}  // namespace oriel::kernels
