// The geometry of Col2Im, read from the operands of a call.
#pragma once

#include "ops/spatial.h"

namespace oriel::ops {

/// Columns [batch, channels * elements, blocks] whose blocks lie at the windows of an image.
struct ColumnGeometry {
  Dims image;
  Window window;  ///< its kernel is the block
  Dims counts;    ///< blocks along every axis
  std::int64_t elements;
  std::int64_t blocks;
  std::int64_t channels;
  Dims dims;  ///< of the result

  /// Throws Error(kInvalidArgument) where the operands do not fit.
  explicit ColumnGeometry(const Inputs& inputs);
};

}  // namespace oriel::ops
