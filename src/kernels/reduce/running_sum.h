// Running sums of neighbouring columns.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

/// For every i in [0, n): y[i] = sums[i] + x[i] in f64, rounded, or with `exclusive` sums[i] as it was; sums[i] gets
/// the new sum. y may be x. No alignment needed.
void running_sum_f32(bool exclusive, const float* x, double* sums, float* y, std::int64_t n, Isa isa = max_isa());

/// One function a level. Internal.
using RunningSum = void (*)(bool exclusive, const float* x, double* sums, float* y, std::int64_t n);
extern const RunningSum kRunningSumScalar;
extern const RunningSum kRunningSumAvx2;
extern const RunningSum kRunningSumAvx512;

}  // namespace oriel::kernels
