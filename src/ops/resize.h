// How Resize reads its operand, axis by axis.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/op_def.h"

namespace oriel::ops {

/// One axis: output index i is the sum of weight[k] * x[index[k]] for k in [first[i], first[i + 1]).
struct ResizeAxis {
  std::int64_t in = 0;
  std::int64_t out = 0;
  /// Whether every output element is the input element of the same index.
  bool same = true;
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> index;
  std::vector<float> weight;
};

/// All axes for the operands of a call whose mode crops nothing; Error(kInvalidArgument) for operands that do not fit.
std::vector<ResizeAxis> resize_axes(const Inputs& inputs);

}  // namespace oriel::ops
