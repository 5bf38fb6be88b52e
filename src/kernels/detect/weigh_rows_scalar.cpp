// Weighted sums of rows, portable C++.
#include "kernels/detect/weigh_rows.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {
#include "kernels/detect/weigh_rows.inc"
}  // namespace

const WeighRows kWeighRowsScalar = weigh_each;

}  // namespace oriel::kernels
