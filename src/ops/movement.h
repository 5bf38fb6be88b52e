// What operators share that move, select or place elements: axis lists, indices of files, strided copies.
#pragma once

#include <vector>

#include "ops/common.h"

namespace oriel::ops {

/// The axes in [0, rank) in the order given; Error(kInvalidArgument) where one is out of range or stands there twice.
std::vector<std::size_t> resolve_axes(const std::vector<std::int64_t>& axes, std::size_t rank);

/// An index as a file gives it, counted from the end where negative; Error(kInvalidArgument) outside [-extent, extent).
inline std::int64_t resolve_index(std::int64_t index, std::int64_t extent) {
  ORIEL_REQUIRE(index >= -extent && index < extent, "index {} out of range for an extent of {}", index, extent);
  return index < 0 ? index + extent : index;
}

/// Copies in[base + sum of index[k] * strides[k]] to out[index] for every index of `out`.
void copy_strided(Tensor& out, const Tensor& in, const Dims& strides, std::int64_t base, RunContext& context);

/// Copies all of `in` to the first elements of `out`; both have the same type.
void copy_all(Tensor& out, const Tensor& in, RunContext& context);

/// Sets every element of `out` to the first one of `value`, which has the same type.
void fill_with(Tensor& out, const Tensor& value, RunContext& context);

/// The extents of the axes before `axis`, of it, and after it.
struct AxisSplit {
  std::int64_t outer = 1;
  std::int64_t extent = 1;
  std::int64_t inner = 1;
};
AxisSplit split_at(const Dims& dims, std::size_t axis);

/// Inference: the number of elements of a vector operand where it is known, else -1. Throws Error(kInvalidGraph) where
/// the operand cannot be a vector.
std::int64_t vector_length(const InferContext& c, std::size_t i);

/// The blocksize of DepthToSpace and SpaceToDepth; checks it and the mode.
std::int64_t pixel_block(const Attributes& attributes);

/// An interpolated value as an element: integers are cut towards zero and held inside of their range.
template <typename T>
T interpolated(double value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else if constexpr (std::is_integral_v<T>) {
    // Sums that are whole but for rounding stay whole.
    const double whole = std::trunc(sizeof(T) < 4 ? static_cast<double>(static_cast<float>(value)) : value);
    if (!(whole > static_cast<double>(std::numeric_limits<T>::min()))) return std::numeric_limits<T>::min();
    if (whole >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    return static_cast<T>(whole);
  } else {
    return narrow<T>(value);
  }
}

/// A scalar (or one-element) integer operand at run time.
std::int64_t scalar_i64(const Tensor& tensor);

}  // namespace oriel::ops
