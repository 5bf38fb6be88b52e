// The geometry of com.microsoft.CropAndResize.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// The operands of a call, checked.
struct CropGeometry {
  std::int64_t count;   ///< of regions
  std::int64_t height;  ///< of a crop
  std::int64_t width;

  /// Throws Error(kInvalidArgument) where the operands do not fit.
  explicit CropGeometry(const Inputs& inputs);
  /// The image that region r is cut from.
  std::int64_t image(const Inputs& inputs, std::int64_t r) const;
};

/// Where sample i of `count` of a region lies on an axis of `extent` pixels; begin and end in units of extent - 1.
double crop_position(std::int64_t i, std::int64_t count, double begin, double end, std::int64_t extent);

}  // namespace oriel::ops
