// Granularity and ranges of linear quantisation.
#include "ops/quantize.h"

namespace oriel::ops {

ScaleMap::ScaleMap(const Dims& x, const Dims& scale, std::int64_t axis, std::int64_t block_size) {
  const std::int64_t count = count_elements(scale);
  if (block_size == 0 && count == 1 && scale.size() <= 1) return;
  const auto a = static_cast<std::size_t>(normalize_axis(axis, x.size()));
  for (std::size_t d = a + 1; d < x.size(); ++d) inner_ *= std::max<std::int64_t>(x[d], 1);
  extent_ = std::max<std::int64_t>(x[a], 1);
  if (block_size == 0) {
    ORIEL_REQUIRE(scale.size() == 1 && scale[0] == x[a], "a scale of shape {} does not fit the shape {} along axis {}",
                  to_string(scale), to_string(x), a);
    along_step_ = 1;
    return;
  }
  ORIEL_REQUIRE(block_size > 0, "attribute block_size is {}", block_size);
  bool fits = scale.size() == x.size();
  for (std::size_t d = 0; fits && d < x.size(); ++d) {
    fits = scale[d] == (d == a ? x[d] / block_size + (x[d] % block_size != 0 ? 1 : 0) : x[d]);
  }
  ORIEL_REQUIRE(fits, "a scale of shape {} does not fit the shape {} in blocks of {} along axis {}", to_string(scale),
                to_string(x), block_size, a);
  block_ = block_size;
  inner_step_ = 1;
  along_step_ = inner_;
  outer_step_ = inner_ * scale[a];
}

void check_scale(const Shape& x, const Shape& scale, std::int64_t axis, std::int64_t block_size) {
  if (block_size < 0) fail(ErrorCode::kInvalidGraph, "attribute block_size is {}", block_size);
  if (!scale.is_ranked()) return;
  if (block_size == 0) {
    if (scale.rank() > 1)
      fail(ErrorCode::kInvalidGraph, "a scale of shape {}, expected rank 0 or 1", scale.to_string());
    if (scale.rank() == 0 || !x.is_ranked() || scale[0].may_equal(Dim(1))) return;
    const auto a = static_cast<std::size_t>(normalize_axis(axis, x.rank()));
    if (!scale[0].may_equal(x[a])) {
      fail(ErrorCode::kInvalidGraph, "a scale of shape {} does not fit the shape {} along axis {}", scale.to_string(),
           x.to_string(), a);
    }
    return;
  }
  if (!x.is_ranked()) return;
  const auto a = static_cast<std::size_t>(normalize_axis(axis, x.rank()));
  bool fits = scale.rank() == x.rank();
  for (std::size_t d = 0; fits && d < x.rank(); ++d)
    fits = scale[d].may_equal(d == a ? ceil_div(x[d], Dim(block_size)) : x[d]);
  if (!fits) {
    fail(ErrorCode::kInvalidGraph, "a scale of shape {} does not fit the shape {} in blocks of {} along axis {}",
         scale.to_string(), x.to_string(), block_size, a);
  }
}

QuantRange quant_range(ElementType type) {
  if (!is_integer(type) || element_bits(type) > 32) unsupported_type(type);
  const int bits = element_bits(type);
  if (is_signed_integer(type)) return {-(std::int64_t{1} << (bits - 1)), (std::int64_t{1} << (bits - 1)) - 1};
  return {0, (std::int64_t{1} << bits) - 1};
}

double single_f64(const Inputs& inputs, std::size_t i) {
  ORIEL_REQUIRE(inputs[i].size() == 1, "input {} has {} elements, expected 1", i, inputs[i].size());
  return element_as_f64(inputs[i], 0);
}

float single_f32(const Inputs& inputs, std::size_t i) { return static_cast<float>(single_f64(inputs, i)); }

std::int64_t single_zero_point(const Inputs& inputs, std::size_t i) {
  if (!inputs.has(i)) return 0;
  ORIEL_REQUIRE(inputs[i].size() == 1, "input {} has {} elements, expected 1", i, inputs[i].size());
  return element_as_i64(inputs[i], 0);
}

void require_single(const InferContext& c, std::size_t i) {
  if (!c.has_input(i) || !c.shape(i).is_ranked()) return;
  if (!c.shape(i).elements().may_equal(Dim(1))) {
    fail(ErrorCode::kInvalidGraph, "input {} has the shape {}, expected one element", i, c.shape(i).to_string());
  }
}

}  // namespace oriel::ops
