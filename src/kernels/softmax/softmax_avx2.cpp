// Softmax, AVX2.
#include "kernels/simd/vec_avx2.h"
#include "kernels/softmax/softmax_table.h"

namespace oriel::kernels {
namespace {
#include "kernels/softmax/softmax.inc"
}  // namespace

const SoftmaxTable kSoftmaxAvx2 = {.row = softmax_row, .columns = softmax_columns};

}  // namespace oriel::kernels
