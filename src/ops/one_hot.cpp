// OneHot: a new axis of extent `depth` that holds on_value at indices[i] (from the end where negative) and off_value
// elsewhere; indices outside [-depth, depth) give off_value only.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& indices = c.shape(0);
  if (!indices.is_ranked()) {
    c.set(0, c.element(2), Shape::unranked());
    return;
  }
  Dim depth = Dim::unknown();
  if (const std::vector<Dim>* content = c.content(1); content != nullptr && content->size() == 1) {
    depth = (*content)[0].bounded(0, kUnboundedDim);
  } else if (const Tensor* constant = c.constant(1); constant != nullptr && constant->size() == 1) {
    const double value = element_as_f64(*constant, 0);
    if (value >= 0 && value < 1e15) depth = Dim(static_cast<std::int64_t>(value));
  }
  std::vector<Dim> dims = indices.dims();
  const std::int64_t axis = normalize_axis(c.attributes().get_int("axis"), indices.rank() + 1);
  dims.insert(dims.begin() + axis, depth);
  c.set(0, c.element(2), Shape(std::move(dims)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& indices = inputs[0];
  const Tensor& values = inputs[2];
  ORIEL_REQUIRE(inputs[1].size() == 1 && values.size() == 2, "depth is {} and values are {}, expected 1 and 2 elements",
                inputs[1].description(), values.description());
  const double number = element_as_f64(inputs[1], 0);
  ORIEL_REQUIRE(number >= 0 && number < 1e15, "depth is {}", number);
  const auto depth = static_cast<std::int64_t>(number);
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), indices.rank() + 1));
  Dims dims = indices.dims();
  dims.insert(dims.begin() + axis, depth);
  const AxisSplit split = split_at(dims, axis);
  copy_elements(outputs.allocate(0, values.type(), dims), values, context, [&](std::int64_t o) {
    const std::int64_t along = o / split.inner % depth;
    const std::int64_t from = o / (split.inner * depth) * split.inner + o % split.inner;
    double wanted = element_as_f64(indices, from);
    if (wanted < 0) wanted += static_cast<double>(depth);
    return std::int64_t{std::trunc(wanted) == static_cast<double>(along) && wanted >= 0 ? 1 : 0};
  });
}

}  // namespace

OpDef op_one_hot() {
  return {.name = "OneHot",
          .min_inputs = 3,
          .max_inputs = 3,
          .attributes = {{"axis", std::int64_t{-1}}},
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
