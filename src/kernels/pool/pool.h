// Max and average pooling over windows of the blocked layout [N][ceil(C / 16)][D][H][W][16], in f32.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

enum class PoolKind : std::uint8_t {
  kMax,                  ///< greatest element inside the input; NaN wins
  kAverage,              ///< mean of the elements inside the input
  kAverageIncludingPad,  ///< sum of the elements inside the input over the positions inside the padded input
};

/// One pooling. Spatial arrays are (depth, height, width), leading ones 1 where absent. Output point p reads the input
/// at p * stride - pad + k * dilation, k < kernel; output extents are the caller's, so ceil modes need no flag. Windows
/// that see no element give 0. Global pooling is kernel == in, out == 1, no padding.
struct PoolProblem {
  PoolKind kind = PoolKind::kMax;
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  std::int64_t in[3] = {1, 1, 1};
  std::int64_t out[3] = {1, 1, 1};
  std::int64_t kernel[3] = {1, 1, 1};
  std::int64_t stride[3] = {1, 1, 1};
  std::int64_t dilation[3] = {1, 1, 1};
  std::int64_t pad[3] = {0, 0, 0};
  std::int64_t pad_end[3] = {0, 0, 0};  ///< counts for kAverageIncludingPad only
  Isa isa = max_isa();
};

/// A problem cut into independent units: bands of output rows of one channel block. Allocates nothing.
struct PoolPlan {
  PoolProblem problem;
  std::int64_t rows = 0;
  std::int64_t bands = 1;
  std::int64_t units = 0;
};

PoolPlan pool_plan(const PoolProblem& problem, int threads);

/// Runs units [first, last). Buffers lie at 64-byte boundaries and do not overlap. Padded lanes stay zero. Averages sum
/// in f32 and multiply by the reciprocal count.
void pool_run(const PoolPlan& plan, const float* input, float* output, std::int64_t first, std::int64_t last);

/// Rows [row0, row1) of the out[0] * out[1] rows of one channel block. Internal: one function a level.
using PoolRun = void (*)(const PoolProblem& problem, const float* input, float* output, std::int64_t row0,
                         std::int64_t row1);
extern const PoolRun kPoolScalar;
extern const PoolRun kPoolAvx2;
extern const PoolRun kPoolAvx512;

}  // namespace oriel::kernels
