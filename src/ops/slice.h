// What Slice takes of one axis.
#pragma once

#include <cstdint>

namespace oriel::ops {

/// `count` elements from `start` on.
struct Span {
  std::int64_t start;
  std::int64_t count;
};

/// start, start + step, ... before `end`: negative places count from the end, both are clamped to the extent (to [0,
/// d-1] and [-1, d-1] where the step is negative). Throws Error(kInvalidArgument) for a step of 0.
Span span_of(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t extent);

}  // namespace oriel::ops
