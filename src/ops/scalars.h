// Operands that hold one whole number, and numbers stored into any element type.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Inference: throws Error(kInvalidGraph) unless operand `i` is an i32 or i64 that may have one element.
void require_whole_scalar(const InferContext& c, std::size_t i);
/// Inference: what is known of the number that operand `i` holds, at least 0.
Dim scalar_content(const InferContext& c, std::size_t i);
/// The number in a tensor of one element; throws Error(kInvalidArgument) for any other.
std::int64_t whole_scalar(const Tensor& t);

/// Stores into any numeric element type; integers truncate.
void store_number(Tensor& out, std::int64_t i, double value);

}  // namespace oriel::ops
