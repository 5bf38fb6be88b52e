// The choice of a level for running sums.
#include "kernels/reduce/running_sum.h"

namespace oriel::kernels {

void running_sum_f32(bool exclusive, const float* x, double* sums, float* y, std::int64_t n, Isa isa) {
  const RunningSum run = isa >= Isa::kAvx512 ? kRunningSumAvx512
                         : isa == Isa::kAvx2 ? kRunningSumAvx2
                                             : kRunningSumScalar;
  run(exclusive, x, sums, y, n);
}

}  // namespace oriel::kernels
