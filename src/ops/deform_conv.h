// The geometry of DeformConv, read from the operands of a call.
#pragma once

#include "ops/spatial.h"

namespace oriel::ops {

/// The most spatial axes that DeformConv may have.
inline constexpr std::size_t kMostDeformAxes = 8;

/// Tap k at output o reads x at o * stride + k * dilation - pad + offset[o, k], by linear interpolation, zero outside.
struct DeformGeometry {
  std::int64_t group;
  std::int64_t offset_group;
  Window window;
  Dims in;    ///< spatial extents of x
  Dims dims;  ///< of the result
  Dims out;   ///< its spatial extents
  std::int64_t in_size;
  std::int64_t out_size;
  std::int64_t taps;

  /// Throws Error(kInvalidArgument) where the shapes of x, weights, offsets, bias and mask do not fit.
  explicit DeformGeometry(const Inputs& inputs);
};

}  // namespace oriel::ops
