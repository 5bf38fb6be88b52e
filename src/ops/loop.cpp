// Loop: operands are trip count (optional), condition (optional), `carried` values, then what the body captures. The
// body reads iteration number, condition, carried values, captures; it gives condition, carried values, and scan
// outputs, which are stacked along a new first axis.
#include "ops/control_flow.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Graph& body = *c.attributes().get_graph("body");
  const auto carried = static_cast<std::size_t>(c.attributes().get_int("carried"));
  if (body.outputs().size() != c.num_outputs() + 1 || body.outputs().size() < carried + 1) {
    fail(ErrorCode::kInvalidGraph, "the body has {} outputs, expected {}", body.outputs().size(), c.num_outputs() + 1);
  }
  if (body.inputs().size() < carried + 2) {
    fail(ErrorCode::kInvalidGraph, "the body has {} inputs, expected {} or more", body.inputs().size(), carried + 2);
  }
  for (std::size_t i = 0; i < c.num_outputs(); ++i) {
    const ValueType& made = body.outputs()[i + 1]->type();
    if (i < carried) {
      // No iteration at all passes the initial value on.
      c.set(i, c.has_input(i + 2) ? merge_types(merge_types(c.type(i + 2), body.inputs()[i + 2]->type()), made) : made);
      continue;
    }
    if (!made.is_tensor())
      fail(ErrorCode::kInvalidGraph, "scan output {} is {}, expected a tensor", i, made.to_string());
    if (!made.shape.is_ranked()) {
      c.set(i, made.element, Shape::unranked());
      continue;
    }
    Shape shape = Shape::of_rank(made.shape.rank() + 1);
    for (std::size_t d = 0; d < made.shape.rank(); ++d) {
      if (made.shape[d].is_known()) shape[d + 1] = made.shape[d];
    }
    c.set(i, made.element, std::move(shape));
  }
}

}  // namespace

OpDef op_loop() {
  return {.name = "Loop",
          .min_inputs = 0,
          .max_inputs = -1,
          .min_outputs = 0,
          .max_outputs = -1,
          .attributes = {{"body", std::shared_ptr<Graph>(), AttributeDef::Need::kRequired},
                         {"carried", std::int64_t{0}, AttributeDef::Need::kRequired}},
          .traits = {.control_flow = true},
          .infer = infer};
}

}  // namespace oriel::ops
