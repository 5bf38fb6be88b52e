// Max and average pooling over windows of plain planes [N * C][D][H][W], in f32.
#pragma once

#include <cstdint>

#include "kernels/pool/pool.h"

namespace oriel::kernels {

/// A problem on plain planes cut into independent units: bands of output rows of one plane. Results are those of
/// PoolProblem, but that averages sum along one axis after another. Allocates nothing.
struct PlainPoolPlan {
  PoolProblem problem;
  bool dense = false;      ///< steps of 1 over a plane of two axes: whole planes, rows first
  std::int64_t pitch = 0;  ///< elements of a row with its padding
  std::int64_t rows = 0;   ///< output rows of a unit
  std::int64_t bands = 1;
  std::int64_t units = 0;
  std::int64_t scratch_floats = 0;  ///< per thread
};

PlainPoolPlan plain_pool_plan(const PoolProblem& problem, int threads);

/// Runs units [first, last); nothing outside x and y is touched.
void plain_pool_run(const PlainPoolPlan& plan, const float* x, float* y, std::int64_t first, std::int64_t last,
                    float* scratch);

/// Output rows [row0, row1) of the out[0] * out[1] rows of one plane. Internal: one function a level.
using PlainPoolRun = void (*)(const PlainPoolPlan& plan, const float* x, float* y, std::int64_t row0, std::int64_t row1,
                              float* scratch);
extern const PlainPoolRun kPlainPoolScalar;
extern const PlainPoolRun kPlainPoolAvx2;
extern const PlainPoolRun kPlainPoolAvx512;

}  // namespace oriel::kernels
