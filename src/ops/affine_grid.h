// The places of AffineGrid.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// [batch, (depth,) height, width] of the grid of a size [batch, channels, (depth,) height, width]. Throws
/// Error(kInvalidArgument) where theta is not [batch, axes, axes + 1].
Dims affine_grid_places(const Tensor& theta, const Tensor& size);

/// Where an index lies on an axis that reaches from -1 to 1, over pixel centres with `corners`, else over pixel edges.
double grid_place(std::int64_t index, std::int64_t extent, bool corners);

}  // namespace oriel::ops
