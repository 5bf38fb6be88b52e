// GatherElements: out[i] = data[i with indices[i] on `axis`]; negative indices count from the end.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 1, {ElementType::kI32, ElementType::kI64});
  const Shape& data = c.shape(0);
  const Shape& indices = c.shape(1);
  if (data.is_ranked()) {
    normalize_axis(c.attributes().get_int("axis"), data.rank());
    if (indices.is_ranked() && indices.rank() != data.rank()) {
      fail(ErrorCode::kInvalidGraph, "indices have the shape {}, expected rank {}", indices.to_string(), data.rank());
    }
  }
  c.set(0, c.element(0), !indices.is_ranked() && data.is_ranked() ? Shape::of_rank(data.rank()) : indices);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& data = inputs[0];
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), data.rank()));
  const Dims dims = inputs[1].dims();
  ORIEL_REQUIRE(dims.size() == data.rank(), "indices have the shape {}, expected rank {}", to_string(dims),
                data.rank());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    ORIEL_REQUIRE(i == axis || dims[i] <= data.dim(i), "indices {} do not fit data {}", to_string(dims),
                  to_string(data.dims()));
  }
  std::vector<std::int64_t> indices = inputs[1].to_i64();
  for (std::int64_t& i : indices) i = resolve_index(i, data.dim(axis));
  const Dims strides = row_major_strides(data.dims());
  Dims index(dims.size(), 0);
  copy_elements(outputs.allocate(0, data.type(), dims), data, context, [&](std::int64_t i) {
    const std::int64_t at =
        ravel(index, strides) + (indices[static_cast<std::size_t>(i)] - index[axis]) * strides[axis];
    advance(index, dims);
    return at;
  });
}

}  // namespace

OpDef op_gather_elements() {
  return {.name = "GatherElements",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"axis", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
