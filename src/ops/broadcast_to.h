// One-sided broadcasting (ONNX "unidirectional"): operands that take another's shape and must not change it.
#pragma once

#include <string_view>

#include "base/shape.h"

namespace oriel::ops {

/// Inference: whether `shape` may broadcast to `to` without changing it, as far as both are known.
bool may_broadcast_to(const Shape& shape, const Shape& to);

/// Throws Error(kInvalidArgument) that names `what` unless `dims` broadcasts to `to` without changing it.
void require_broadcasts_to(const Dims& dims, const Dims& to, std::string_view what);

}  // namespace oriel::ops
