// Softmax, AVX2.
#include "kernels/softmax/softmax_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/simd/math.inc"
#include "kernels/softmax/softmax.inc"
}  // namespace

const SoftmaxTable kSoftmaxAvx2 = {.row = softmax_row, .columns = softmax_columns};

}  // namespace oriel::kernels
