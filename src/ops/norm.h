// What normalisations share: reading parameters, and normalising groups of channels.
#pragma once

#include <vector>

#include "ops/common.h"

namespace oriel::ops {

/// All elements of a small floating point parameter; throws Error(kInvalidArgument) unless there are `count`.
std::vector<double> read_parameter(const Tensor& tensor, std::int64_t count);

/// Inference: throws Error(kInvalidGraph) unless operand `i` is certain or possible to be a vector of `extent`
/// elements.
void require_vector(const InferContext& c, std::size_t i, const Dim& extent);

/// Output 0 = (x - mean) / sqrt(variance + epsilon) * scale[c] + bias[c], with moments over each image's groups of
/// neighbouring channels (axis 1) and all later axes. Inputs are x, scale and bias.
void normalize_groups(const Inputs& inputs, OutputSink& outputs, RunContext& context, std::int64_t groups,
                      double epsilon);

/// Mean and variance (of the population) of values that `get(i)` gives for i < count.
struct Moments {
  double mean = 0;
  double variance = 0;
};
template <typename F>
Moments moments(std::int64_t count, F&& get) {
  Moments m;
  for (std::int64_t i = 0; i < count; ++i) m.mean += get(i);
  m.mean /= static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) m.variance += (get(i) - m.mean) * (get(i) - m.mean);
  m.variance /= static_cast<double>(count);
  return m;
}

}  // namespace oriel::ops
