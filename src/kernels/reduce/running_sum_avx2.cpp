// Running sums, AVX2.
#include "kernels/reduce/running_sum.h"

namespace oriel::kernels {
namespace {
#include "kernels/reduce/running_sum.inc"
}  // namespace

const RunningSum kRunningSumAvx2 = running_sum;

}  // namespace oriel::kernels
