// The choice of a level for weighted sums of rows.
#include "kernels/detect/weigh_rows.h"

namespace oriel::kernels {

void weigh_rows(const float* x, const std::int64_t* index, const float* weight, int taps, std::int64_t n, float* y,
                Isa isa) {
  const WeighRows run = isa >= Isa::kAvx512 ? kWeighRowsAvx512 : isa == Isa::kAvx2 ? kWeighRowsAvx2 : kWeighRowsScalar;
  run(x, index, weight, taps, n, y);
}

}  // namespace oriel::kernels
