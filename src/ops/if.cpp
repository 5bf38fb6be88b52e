// If: runs then_branch or else_branch by the scalar operand 0; the other operands are what the branches capture, and
// are the inputs of both.
#include "ops/control_flow.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kBool});
  const Graph& a = *c.attributes().get_graph("then_branch");
  const Graph& b = *c.attributes().get_graph("else_branch");
  for (const Graph* branch : {&a, &b}) {
    if (branch->outputs().size() != c.num_outputs()) {
      fail(ErrorCode::kInvalidGraph, "a branch has {} outputs, the node {}", branch->outputs().size(), c.num_outputs());
    }
    if (branch->inputs().size() + 1 != c.num_inputs()) {
      fail(ErrorCode::kInvalidGraph, "a branch has {} captures, the node {}", branch->inputs().size(),
           c.num_inputs() - 1);
    }
  }
  for (std::size_t i = 0; i < c.num_outputs(); ++i)
    c.set(i, merge_types(a.outputs()[i]->type(), b.outputs()[i]->type()));
}

}  // namespace

OpDef op_if() {
  return {.name = "If",
          .min_inputs = 1,
          .max_inputs = -1,
          .max_outputs = -1,
          .attributes = {{"then_branch", std::shared_ptr<Graph>(), AttributeDef::Need::kRequired},
                         {"else_branch", std::shared_ptr<Graph>(), AttributeDef::Need::kRequired}},
          .traits = {.control_flow = true},
          .infer = infer};
}

}  // namespace oriel::ops
