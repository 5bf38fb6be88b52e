// Softmax, portable C++.
#include "kernels/softmax/softmax_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/simd/math.inc"
#include "kernels/softmax/softmax.inc"
}  // namespace

const SoftmaxTable kSoftmaxScalar = {.row = softmax_row, .columns = softmax_columns};

}  // namespace oriel::kernels
