// Softmax and its logarithm along one axis.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

/// A dense array [outer][axis][inner], normalised along the middle axis for each (outer, inner).
struct SoftmaxShape {
  std::int64_t outer = 0;
  std::int64_t axis = 0;
  std::int64_t inner = 1;
};

/// Independent units: rows where inner is 1, else blocks of neighbouring columns of one outer index.
std::int64_t softmax_units(const SoftmaxShape& shape);

/// y = exp(x - max) / sum(exp(x - max)), for units [first, last); y may be x. No alignment needed.
/// A row of -infinity alone gives NaN, as the formula does; NaN anywhere in a row makes all of it NaN.
/// Error: 2 ulp of exp plus the rounding of a sum in lanes.
void softmax_f32(const SoftmaxShape& shape, const float* x, float* y, std::int64_t first, std::int64_t last,
                 Isa isa = max_isa());

/// y = x - max - log(sum(exp(x - max))); otherwise as softmax_f32.
void log_softmax_f32(const SoftmaxShape& shape, const float* x, float* y, std::int64_t first, std::int64_t last,
                     Isa isa = max_isa());

}  // namespace oriel::kernels
