// Weighted sums of rows, AVX2.
#include "kernels/detect/weigh_rows.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {
#include "kernels/detect/weigh_rows.inc"
}  // namespace

const WeighRows kWeighRowsAvx2 = weigh_each;

}  // namespace oriel::kernels
