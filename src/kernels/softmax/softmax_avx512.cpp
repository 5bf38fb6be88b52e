// Softmax, AVX-512.
#include "kernels/simd/vec_avx512.h"
#include "kernels/softmax/softmax_table.h"

namespace oriel::kernels {
namespace {
#include "kernels/softmax/softmax.inc"
}  // namespace

const SoftmaxTable kSoftmaxAvx512 = {.row = softmax_row, .columns = softmax_columns};

}  // namespace oriel::kernels
