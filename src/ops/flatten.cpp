// Flatten: a matrix whose rows run over the axes before `axis` and whose columns run over the rest.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

std::size_t first_column_axis(const Attributes& attributes, std::size_t rank) {
  const std::int64_t axis = attributes.get_int("axis");
  const auto r = static_cast<std::int64_t>(rank);
  ORIEL_REQUIRE(axis >= -r && axis <= r, "axis {} out of range for rank {}", axis, rank);
  return static_cast<std::size_t>(axis < 0 ? axis + r : axis);
}

void infer(InferContext& c) {
  const Shape& in = c.shape(0);
  if (!in.is_ranked()) {
    c.set(0, c.element(0), Shape::of_rank(2));
    return;
  }
  const auto axis = static_cast<std::ptrdiff_t>(first_column_axis(c.attributes(), in.rank()));
  const std::vector<Dim>& dims = in.dims();
  const Shape rows(std::vector<Dim>(dims.begin(), dims.begin() + axis));
  const Shape columns(std::vector<Dim>(dims.begin() + axis, dims.end()));
  c.set(0, c.element(0), Shape{rows.elements(), columns.elements()});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  const Tensor& x = inputs[0];
  const std::size_t axis = first_column_axis(inputs.attributes(), x.rank());
  const Dims rows(x.dims().begin(), x.dims().begin() + axis);
  const Dims columns(x.dims().begin() + axis, x.dims().end());
  outputs.set(0, x.reshaped({count_elements(rows), count_elements(columns)}));
}

}  // namespace

OpDef op_flatten() {
  return {.name = "Flatten",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"axis", std::int64_t{1}}},
          .traits = {.view = true},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
