// The output extents and pads of transposed convolutions.
#pragma once

#include "ops/spatial.h"

namespace oriel::ops {

/// output_padding and output_shape by spatial axis; the latter is empty where absent. A list that has batch and
/// channels in front loses them.
struct OutputSize {
  Dims padding;
  Dims shape;

  /// Throws Error(kInvalidGraph) for lists of another length than the rank, or values out of range.
  static OutputSize read(const Attributes& attributes, std::size_t rank);
  /// Output extent: output_shape, or in * stride with SAME_*, or stride * (in - 1) + output_padding + span - pads.
  Dim extent(const Window& w, std::size_t axis, const Dim& in) const;
  /// The extents for concrete input ones. Where they are given or SAME_*, sets pads_begin to its share of the pads that
  /// follow: the smaller half with SAME_UPPER, else the larger. Throws Error(kInvalidArgument) for a negative extent.
  Dims resolve(Window& w, const Dims& in) const;
};

}  // namespace oriel::ops
