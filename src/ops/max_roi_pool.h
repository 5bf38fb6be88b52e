// The bins of MaxRoiPool.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Regions [batch, x1, y1, x2, y2], scaled and rounded to whole pixels, are cut into rows x columns bins.
struct RoiBins {
  std::int64_t rows;
  std::int64_t columns;
  double scale;

  struct Span {
    std::int64_t begin;
    std::int64_t end;
  };
  struct Axis {
    double start;
    double bin;
    /// Pixels of bin i on an axis of `extent` pixels.
    Span span(std::int64_t i, std::int64_t extent) const;
  };
  struct Region {
    std::int64_t batch;
    Axis rows;
    Axis columns;
  };

  /// Throws Error(kInvalidArgument) for a pooled_shape that is not two positive numbers.
  static RoiBins read(const Attributes& attributes);
  /// Region r. Throws Error(kInvalidArgument) for numbers that are out of range for `images` images.
  Region region(const Tensor& rois, std::int64_t r, std::int64_t images) const;
};

}  // namespace oriel::ops
