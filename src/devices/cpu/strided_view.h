// Values as windows of other values' memory: transposes, splits and reshapes that a kernel can read through.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace oriel::cpu {

/// A tensor as a strided window of the memory of `base`, whose dimensions may be known at run time only.
struct StridedView {
  struct Axis {
    int base_axis = -1;        ///< -1: an axis of extent 1
    std::int64_t step = 0;     ///< in rows of the base axis
    std::int64_t extent = -1;  ///< -1: that of the base axis
  };
  const Value* base = nullptr;
  std::vector<Axis> axes;
  /// Where it begins: rows of base axes.
  std::vector<std::pair<int, std::int64_t>> start;
  /// The nodes looked through, from the base on.
  std::vector<const Node*> nodes;

  /// Whether neighbours along the last axis are neighbours in memory.
  bool dense_rows() const;
};

/// Extents and strides of a view for one binding of dimensions, in elements.
struct BoundView {
  Dims extents;
  Dims strides;
  std::int64_t offset = 0;
};
BoundView bind(const StridedView& view, const Dims& base);

/// The value itself.
StridedView whole(const Value* value);

/// The farthest base that `value` is a window of, through nodes that `may_skip` accepts. Ranked values alone.
StridedView look_through(const Value* value, const std::function<bool(const Node&)>& may_skip);

/// Whether dimensions of the node's results are symbols that no operand's dimension is: whoever runs it binds them.
bool defines_symbols(const Node& node);

}  // namespace oriel::cpu
