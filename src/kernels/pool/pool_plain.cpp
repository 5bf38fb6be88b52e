// Cuts a pooling of plain planes into bands of rows and deals them to the level's kernel.
#include "kernels/pool/pool_plain.h"

#include <algorithm>

namespace oriel::kernels {

PlainPoolPlan plain_pool_plan(const PoolProblem& p, int threads) {
  PlainPoolPlan plan;
  plan.problem = p;
  const std::int64_t planes = p.batch * p.channels;
  const std::int64_t rows = p.out[0] * p.out[1];
  if (planes * rows * p.out[2] == 0) return plan;
  constexpr std::int64_t kVector = 64;
  constexpr std::int64_t kMostDense = 1 << 14;
  const auto reach = [&](int d) { return (p.out[d] - 1) * p.stride[d] + (p.kernel[d] - 1) * p.dilation[d] + 1; };
  plan.pitch = reach(2);
  plan.dense = p.stride[1] == 1 && p.stride[2] == 1 && p.in[0] == 1 && p.out[0] == 1 && p.kernel[0] == 1 &&
               p.pad[0] == 0 && plan.pitch * reach(1) <= kMostDense;
  plan.rows = rows;
  if (!plan.dense && planes < 4 * threads) {
    const std::int64_t bands = std::min(rows, (4 * threads + planes - 1) / planes);
    plan.rows = (rows + bands - 1) / bands;
  }
  plan.bands = (rows + plan.rows - 1) / plan.rows;
  plan.units = planes * plan.bands;
  // Rows with padding, the counts of the columns, a row of results, and room for vectors that reach past the end.
  plan.scratch_floats = (plan.dense ? 2 * plan.pitch * reach(1) : 2 * plan.pitch) + 2 * p.out[2] + 4 * kVector;
  return plan;
}

void plain_pool_run(const PlainPoolPlan& plan, const float* x, float* y, std::int64_t first, std::int64_t last,
                    float* scratch) {
  const PoolProblem& p = plan.problem;
  const PlainPoolRun run = p.isa >= Isa::kAvx512 ? kPlainPoolAvx512
                           : p.isa == Isa::kAvx2 ? kPlainPoolAvx2
                                                 : kPlainPoolScalar;
  const std::int64_t rows = p.out[0] * p.out[1];
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t plane = u / plan.bands;
    const std::int64_t row0 = u % plan.bands * plan.rows;
    run(plan, x + plane * p.in[0] * p.in[1] * p.in[2], y + plane * rows * p.out[2], row0,
        std::min(row0 + plan.rows, rows), scratch);
  }
}

}  // namespace oriel::kernels
