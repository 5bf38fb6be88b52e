// Inference that If, Loop and Scan share.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// The narrowest type that contains both; throws Error(kInvalidGraph) for different kinds or element types.
ValueType merge_types(const ValueType& a, const ValueType& b);

}  // namespace oriel::ops
