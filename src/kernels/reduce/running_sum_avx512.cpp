// Running sums, AVX-512.
#include "kernels/reduce/running_sum.h"

namespace oriel::kernels {
namespace {
#include "kernels/reduce/running_sum.inc"
}  // namespace

const RunningSum kRunningSumAvx512 = running_sum;

}  // namespace oriel::kernels
