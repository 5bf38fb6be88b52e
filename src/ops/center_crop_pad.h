// The part of a tensor that CenterCropPad keeps.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Element i of the result is element i + shift of x, or zero where that is outside.
struct CenteredWindow {
  Dims dims;   ///< of the result
  Dims shift;  ///< by axis

  /// Throws Error(kInvalidArgument) where the extents do not fit the axes.
  CenteredWindow(const Attributes& attributes, const Tensor& x, const Tensor& extents);
};

}  // namespace oriel::ops
