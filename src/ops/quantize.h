// Linear quantisation as operators share it: granularity of scales, rounding, saturation, integer matrix products.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Which element of a scale (and zero point) belongs to which element of the tensor that it quantises: one for all, one
/// an index along `axis`, or one a block of `block_size` along `axis` (then the scale has the tensor's rank). Throws
/// Error(kInvalidArgument) where the scale's shape fits none of these.
class ScaleMap {
 public:
  ScaleMap(const Dims& x, const Dims& scale, std::int64_t axis, std::int64_t block_size);
  std::int64_t operator()(std::int64_t i) const {
    return i / (extent_ * inner_) * outer_step_ + i / inner_ % extent_ / block_ * along_step_ +
           i % inner_ * inner_step_;
  }

 private:
  std::int64_t inner_ = 1;
  std::int64_t extent_ = 1;
  std::int64_t block_ = 1;
  std::int64_t outer_step_ = 0;
  std::int64_t along_step_ = 0;
  std::int64_t inner_step_ = 0;
};

/// Inference: throws Error(kInvalidGraph) where a scale cannot fit a tensor, or a zero point cannot fit the scale.
void check_scale(const Shape& x, const Shape& scale, std::int64_t axis, std::int64_t block_size);

/// The integers that a quantised type holds.
struct QuantRange {
  std::int64_t lowest;
  std::int64_t highest;
};
/// Throws Error(kNotImplemented) for types that are no integers of 2 to 32 bits.
QuantRange quant_range(ElementType type);

/// saturate(round_half_even(value) + zero_point); NaN gives the lowest integer.
inline std::int64_t quantize(double value, std::int64_t zero_point, const QuantRange& range) {
  const double r = std::nearbyint(value) + static_cast<double>(zero_point);
  if (!(r > static_cast<double>(range.lowest))) return range.lowest;
  if (r >= static_cast<double>(range.highest)) return range.highest;
  return static_cast<std::int64_t>(r);
}

/// The one element of a scale or zero point that must be a single value; throws Error(kInvalidArgument) for more.
double single_f64(const Inputs& inputs, std::size_t i);
float single_f32(const Inputs& inputs, std::size_t i);
/// 0 where the operand is absent.
std::int64_t single_zero_point(const Inputs& inputs, std::size_t i);

/// Inference: throws Error(kInvalidGraph) where operand `i` is known to have more than one element.
void require_single(const InferContext& c, std::size_t i);

/// The elements of an integer tensor as i64, minus zero points that `index` gives the place of (nullptr: zero).
template <typename F>
std::vector<std::int64_t> centred(const Tensor& x, const Tensor* zero_point, RunContext& context, F&& index) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(x.size()));
  for_each_element(x.size(), context, [&](std::int64_t i) {
    values[static_cast<std::size_t>(i)] =
        element_as_i64(x, i) - (zero_point != nullptr ? element_as_i64(*zero_point, index(i)) : 0);
  });
  return values;
}

/// Wraps a sum around as 32-bit accumulators do.
inline std::int32_t wrap_i32(std::int64_t sum) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::uint64_t>(sum)));
}

}  // namespace oriel::ops
