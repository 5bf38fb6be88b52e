// Window arithmetic that convolutions and pools share: pads, strides, dilations and the extents that follow.
#pragma once

#include <string>

#include "ops/common.h"

namespace oriel::ops {

/// The largest kernel extent, stride, dilation or pad that is accepted; products of two of them do not overflow.
inline constexpr std::int64_t kLargestWindow = std::int64_t{1} << 30;

/// The window of a convolution or pool over `rank` spatial axes, as attributes give it.
struct Window {
  Dims kernel;
  Dims strides;
  Dims dilations;
  Dims pads_begin;
  Dims pads_end;
  /// "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER".
  std::string auto_pad;
  bool ceil_mode = false;

  /// Reads kernel_shape (or `kernel` where that is absent), strides, dilations, pads, auto_pad and ceil_mode.
  /// Throws Error(kInvalidGraph) for lists of another length than the rank, or values out of range.
  static Window read(const Attributes& attributes, std::size_t rank, const Dims& kernel = {});

  /// Span of the dilated kernel on an axis.
  std::int64_t span(std::size_t axis) const { return dilations[axis] * (kernel[axis] - 1) + 1; }
  /// Fills in the pads of SAME_* for concrete input extents.
  void resolve_pads(const Dims& input);
};

/// Output extent on an axis: floor or ceil((in + pads - span) / stride) + 1; SAME_*: ceil(in / stride). With ceil_mode
/// a window that would start in the end padding does not count.
Dim window_extent(const Window& w, std::size_t axis, const Dim& in);
/// The same on numbers, with pads resolved.
std::int64_t window_extent(const Window& w, std::size_t axis, std::int64_t in);

}  // namespace oriel::ops
