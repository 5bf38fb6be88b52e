// What the sequence operators share: types of items, positions, items that own their memory.
#pragma once

#include "ops/movement.h"

namespace oriel::ops {

/// Inference: the type of a sequence operand's items. Throws Error(kInvalidGraph) where operand `i` is no sequence.
const ValueType& item_type(const InferContext& c, std::size_t i);

/// A tensor as an item: a copy with memory of its own.
Datum as_item(const Tensor& tensor, const RunContext& context);

/// Position `i` as a number in [0, last], counted from the end (of `count` items) where negative; `fallback` where the
/// operand is absent. Throws Error(kInvalidArgument) where it is out of range.
std::int64_t position(const Inputs& inputs, std::size_t i, std::int64_t count, std::int64_t last,
                      std::int64_t fallback);

/// The parts of a tensor along an axis: extents of all of them.
std::vector<std::int64_t> part_extents(const Inputs& inputs, std::int64_t extent);

}  // namespace oriel::ops
