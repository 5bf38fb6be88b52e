// Softmax, portable C++.
#include "kernels/simd/vec_scalar.h"
#include "kernels/softmax/softmax_table.h"

namespace oriel::kernels {
namespace {
#include "kernels/softmax/softmax.inc"
}  // namespace

const SoftmaxTable kSoftmaxScalar = {.row = softmax_row, .columns = softmax_columns};

}  // namespace oriel::kernels
