// Cuts a pooling into row bands and deals them to the level's kernel.
#include "kernels/pool/pool.h"

#include <algorithm>

namespace oriel::kernels {
namespace {

std::int64_t blocks_of(const PoolProblem& p) { return (p.channels + 15) / 16; }

}  // namespace

PoolPlan pool_plan(const PoolProblem& problem, int threads) {
  PoolPlan plan;
  plan.problem = problem;
  const std::int64_t rows = problem.out[0] * problem.out[1];
  const std::int64_t blocks = problem.batch * blocks_of(problem);
  if (rows * problem.out[2] * blocks == 0) return plan;
  std::int64_t taps = 1;
  for (const std::int64_t k : problem.kernel) taps *= k;
  // About 64k vector operations a unit, more units where threads would idle.
  constexpr std::int64_t kUnitVectors = 1 << 16;
  const std::int64_t row_vectors = std::max<std::int64_t>(1, problem.out[2] * taps);
  plan.rows = std::clamp<std::int64_t>(kUnitVectors / row_vectors, 1, rows);
  const std::int64_t wanted = threads > 1 ? 4 * threads : 1;
  if (blocks * ((rows + plan.rows - 1) / plan.rows) < wanted) {
    const std::int64_t bands = std::min(rows, (wanted + blocks - 1) / blocks);
    plan.rows =
        std::max<std::int64_t>((rows + bands - 1) / bands, std::min<std::int64_t>(rows, 1024 / row_vectors + 1));
  }
  plan.bands = (rows + plan.rows - 1) / plan.rows;
  plan.units = blocks * plan.bands;
  return plan;
}

void pool_run(const PoolPlan& plan, const float* input, float* output, std::int64_t first, std::int64_t last) {
  const PoolProblem& p = plan.problem;
  const PoolRun run = p.isa >= Isa::kAvx512 ? kPoolAvx512 : p.isa == Isa::kAvx2 ? kPoolAvx2 : kPoolScalar;
  const std::int64_t rows = p.out[0] * p.out[1];
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t block = u / plan.bands;
    const std::int64_t row0 = u % plan.bands * plan.rows;
    run(p, input + block * p.in[0] * p.in[1] * p.in[2] * 16, output + block * rows * p.out[2] * 16, row0,
        std::min(row0 + plan.rows, rows));
  }
}

}  // namespace oriel::kernels
