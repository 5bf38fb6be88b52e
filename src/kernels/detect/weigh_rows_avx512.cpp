// Weighted sums of rows, AVX-512.
#include "kernels/detect/weigh_rows.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/detect/weigh_rows.inc"
}  // namespace

const WeighRows kWeighRowsAvx512 = weigh_each;

}  // namespace oriel::kernels
