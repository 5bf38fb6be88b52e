// Where GridSample reads: the elements and weights that one coordinate of the grid stands for.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// The elements that one axis contributes to a sample; an index of -1 is a zero outside.
struct AxisTaps {
  int count = 0;
  std::int64_t index[4];
  double weight[4];
};

struct GridSampler {
  enum class Padding : std::uint8_t { kZeros, kBorder, kReflection };
  bool corners;
  Padding padding;
  bool nearest;
  bool cubic;

  static GridSampler read(const Attributes& attributes);
  /// The taps of a normalised coordinate on an axis of `extent` elements (1 or more).
  AxisTaps taps(double normalised, std::int64_t extent) const;

 private:
  std::int64_t inside(std::int64_t i, std::int64_t extent) const;
};

/// Checks operands and gives the output's dimensions; throws Error(kInvalidArgument).
Dims grid_sample_dims(const Tensor& x, const Tensor& grid);

}  // namespace oriel::ops
