// Squeeze: drops the axes of input 1, each of extent 1, or every axis of extent 1 where there is no input 1.
// Importers removed: the axes attribute of versions 1 and 11.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const ElementType element = c.element(0);
  const Shape& in = c.shape(0);
  std::vector<std::int64_t> axes;
  const bool given = c.has_input(1);
  if (given && !c.known_content(1, axes)) {
    const std::int64_t count = vector_length(c, 1);
    if (in.is_ranked() && count > static_cast<std::int64_t>(in.rank())) {
      fail(ErrorCode::kInvalidGraph, "{} axes for rank {}", count, in.rank());
    }
    c.set(
        0, element,
        in.is_ranked() && count >= 0 ? Shape::of_rank(in.rank() - static_cast<std::size_t>(count)) : Shape::unranked());
    return;
  }
  if (!in.is_ranked()) {
    c.set(0, element, Shape::unranked());
    return;
  }
  std::vector<bool> drop(in.rank(), false);
  if (given) {
    for (const std::size_t axis : resolve_axes(axes, in.rank())) {
      if (!in[axis].may_equal(1)) fail(ErrorCode::kInvalidGraph, "axis {} of {} is not 1", axis, in.to_string());
      drop[axis] = true;
    }
  } else {
    for (std::size_t axis = 0; axis < in.rank(); ++axis) {
      drop[axis] = in[axis].is_known() && in[axis].value() == 1;
      if (!drop[axis] && in[axis].may_equal(1)) {
        c.set(0, element, Shape::unranked());
        return;
      }
    }
  }
  std::vector<Dim> dims;
  for (std::size_t axis = 0; axis < in.rank(); ++axis) {
    if (!drop[axis]) dims.push_back(in[axis]);
  }
  c.set(0, element, Shape(std::move(dims)));
  if (const std::vector<Dim>* content = c.content(0)) c.set_content(0, *content);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  const Tensor& x = inputs[0];
  std::vector<bool> drop(x.rank(), false);
  if (inputs.has(1)) {
    for (const std::size_t axis : resolve_axes(inputs[1].to_i64(), x.rank())) {
      ORIEL_REQUIRE(x.dim(axis) == 1, "axis {} of {} is not 1", axis, to_string(x.dims()));
      drop[axis] = true;
    }
  } else {
    for (std::size_t axis = 0; axis < x.rank(); ++axis) drop[axis] = x.dim(axis) == 1;
  }
  Dims dims;
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (!drop[axis]) dims.push_back(x.dim(axis));
  }
  outputs.set(0, x.reshaped(std::move(dims)));
}

}  // namespace

OpDef op_squeeze() {
  return {.name = "Squeeze",
          .min_inputs = 1,
          .max_inputs = 2,
          .traits = {.view = true, .shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
