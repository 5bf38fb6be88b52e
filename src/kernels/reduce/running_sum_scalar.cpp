// Running sums, portable C++.
#include "kernels/reduce/running_sum.h"

namespace oriel::kernels {
namespace {
#include "kernels/reduce/running_sum.inc"
}  // namespace

const RunningSum kRunningSumScalar = running_sum;

}  // namespace oriel::kernels
