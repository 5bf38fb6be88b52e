// Scan: operands are initial states, `num_scan_inputs` scanned tensors, then what the body captures. Each iteration
// reads states, a slice of every scanned tensor and the captures, and gives states and slices that are stacked.
#include "ops/control_flow.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Graph& body = *c.attributes().get_graph("body");
  const auto scans = static_cast<std::size_t>(c.attributes().get_int("num_scan_inputs"));
  const auto states = static_cast<std::size_t>(c.attributes().get_int("num_states"));
  if (body.outputs().size() != c.num_outputs() || body.outputs().size() < states) {
    fail(ErrorCode::kInvalidGraph, "the body has {} outputs, the node {}", body.outputs().size(), c.num_outputs());
  }
  if (body.inputs().size() != c.num_inputs() || c.num_inputs() < states + scans || scans == 0) {
    fail(ErrorCode::kInvalidGraph, "the body has {} inputs, the node {}", body.inputs().size(), c.num_inputs());
  }
  const std::vector<std::int64_t> in_axes = c.attributes().get_ints("scan_input_axes", {});
  const std::vector<std::int64_t> out_axes = c.attributes().get_ints("scan_output_axes", {});
  Dim length = Dim::unknown();
  for (std::size_t i = 0; i < scans; ++i) {
    const Shape& s = c.shape(states + i);
    if (!s.is_ranked()) continue;
    const Dim& d = s[static_cast<std::size_t>(normalize_axis(i < in_axes.size() ? in_axes[i] : 0, s.rank()))];
    if (!length.has_expression() || d.is_known()) length = d;
  }
  for (std::size_t i = 0; i < c.num_outputs(); ++i) {
    const ValueType& made = body.outputs()[i]->type();
    if (i < states) {
      c.set(i, merge_types(c.type(i), made));
    } else if (!made.shape.is_ranked()) {
      c.set(i, made.element, Shape::unranked());
    } else {
      Shape shape = made.shape;
      for (Dim& d : shape.dims()) {
        if (!d.is_known()) d = Dim::unknown(d.min(), d.max());
      }
      const std::size_t k = i - states;
      const std::int64_t axis = normalize_axis(k < out_axes.size() ? out_axes[k] : 0, shape.rank() + 1);
      shape.dims().insert(shape.dims().begin() + axis, length);
      c.set(i, made.element, std::move(shape));
    }
  }
}

}  // namespace

OpDef op_scan() {
  const auto ints = AttributeDef::Need::kOptional;
  return {.name = "Scan",
          .min_inputs = 1,
          .max_inputs = -1,
          .max_outputs = -1,
          .attributes = {{"body", std::shared_ptr<Graph>(), AttributeDef::Need::kRequired},
                         {"num_scan_inputs", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"num_states", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"scan_input_axes", std::vector<std::int64_t>{}, ints},
                         {"scan_output_axes", std::vector<std::int64_t>{}, ints},
                         {"scan_input_directions", std::vector<std::int64_t>{}, ints},
                         {"scan_output_directions", std::vector<std::int64_t>{}, ints}},
          .traits = {.control_flow = true},
          .infer = infer};
}

}  // namespace oriel::ops
