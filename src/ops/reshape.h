// The dimensions that Reshape gives.
#pragma once

#include "base/shape.h"

namespace oriel::ops {

/// `in` under the shape `target`: 0 copies a dimension unless `allow_zero`, one -1 takes what the others leave of the
/// elements. Copied dimensions count on neither side, so that it follows from the rest where they are 0. Throws
/// Error(kInvalidArgument) where there is no such shape; whether a shape without -1 has as many elements is not
/// checked.
Dims reshape_dims(const Dims& in, const Dims& target, bool allow_zero);

}  // namespace oriel::ops
