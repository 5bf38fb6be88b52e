// Axis lists and strided copies of operators that move elements.
#include "ops/movement.h"

namespace oriel::ops {

std::vector<std::size_t> resolve_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<std::size_t> resolved;
  resolved.reserve(axes.size());
  for (const std::int64_t axis : axes) {
    const auto at = static_cast<std::size_t>(normalize_axis(axis, rank));
    ORIEL_REQUIRE(std::find(resolved.begin(), resolved.end(), at) == resolved.end(), "axis {} is given twice", axis);
    resolved.push_back(at);
  }
  return resolved;
}

void copy_strided(Tensor& out, const Tensor& in, const Dims& strides, std::int64_t base, RunContext& context) {
  const Dims dims = out.dims();
  Dims index(dims.size(), 0);
  std::int64_t at = base;
  copy_elements(out, in, context, [&](std::int64_t) {
    const std::int64_t here = at;
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      at += strides[axis];
      if (++index[axis] < dims[axis]) break;
      at -= strides[axis] * dims[axis];
      index[axis] = 0;
    }
    return here;
  });
}

void copy_all(Tensor& out, const Tensor& in, RunContext& context) {
  move_elements(out, in, in.size(), context,
                [](std::int64_t i) { return std::pair<std::int64_t, std::int64_t>(i, i); });
}

void fill_with(Tensor& out, const Tensor& value, RunContext& context) {
  ORIEL_REQUIRE(out.size() == 0 || value.size() > 0, "a value to fill with is missing");
  ORIEL_REQUIRE(out.type() == value.type(), "the value to fill with is of type {}, expected {}",
                element_name(value.type()), element_name(out.type()));
  copy_elements(out, value, context, [](std::int64_t) { return std::int64_t{0}; });
}

AxisSplit split_at(const Dims& dims, std::size_t axis) {
  AxisSplit split;
  for (std::size_t i = 0; i < axis; ++i) split.outer *= dims[i];
  split.extent = dims[axis];
  for (std::size_t i = axis + 1; i < dims.size(); ++i) split.inner *= dims[i];
  return split;
}

std::int64_t vector_length(const InferContext& c, std::size_t i) {
  const Shape& shape = c.shape(i);
  if (!shape.is_ranked()) return -1;
  if (shape.rank() != 1) {
    if (shape.rank() == 0) return 1;
    fail(ErrorCode::kInvalidGraph, "input {} has the shape {}, expected a vector", i, shape.to_string());
  }
  return shape[0].is_known() ? shape[0].value() : -1;
}

std::int64_t pixel_block(const Attributes& attributes) {
  const std::int64_t block = attributes.get_int("blocksize");
  ORIEL_REQUIRE(block > 0 && block < (std::int64_t{1} << 30), "blocksize is {}", block);
  const std::string& mode = attributes.get_string("mode");
  ORIEL_REQUIRE(mode == "DCR" || mode == "CRD", "unknown mode {}", mode);
  return block;
}

std::int64_t scalar_i64(const Tensor& tensor) {
  ORIEL_REQUIRE(tensor.size() == 1, "{} where one number is expected", tensor.description());
  ORIEL_REQUIRE(is_integer(tensor.type()) || tensor.type() == ElementType::kBool, "{} where an integer is expected",
                tensor.description());
  return element_as_i64(tensor, 0);
}

}  // namespace oriel::ops
