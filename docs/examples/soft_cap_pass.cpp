// Mul(Tanh(Div(x, c)), c) becomes SoftCap(x).
#include <optional>
#include <string_view>

#include "examples.h"

namespace oriel::examples {
namespace {

bool is_op(const Node* node, std::string_view name) {
  return node != nullptr && node->op().domain.empty() && node->op().name == name;
}

// The one value of a constant f32 above 0.
std::optional<float> positive_scalar(const Value* value) {
  const Tensor* t = value->constant();
  if (t == nullptr || t->type() != ElementType::kF32 || t->size() != 1) return std::nullopt;
  const float x = *t->data<float>();
  return x > 0 ? std::optional(x) : std::nullopt;
}

// The node that makes a value which nothing else reads.
const Node* only_for(const Value* value) { return value->users().size() == 1 ? value->producer() : nullptr; }

bool fuse_at(Graph& graph, Node* mul, std::size_t side) {
  const std::optional<float> cap = positive_scalar(mul->input(1 - side));
  const Node* tanh = only_for(mul->input(side));
  if (!cap || !is_op(tanh, "Tanh")) return false;
  const Node* div = only_for(tanh->input(0));
  if (!is_op(div, "Div") || positive_scalar(div->input(1)) != cap) return false;
  Value* x = div->input(0);
  // A constant of higher rank than x would have added axes.
  if (!x->shape().same(mul->output()->shape())) return false;
  Patch patch(graph);
  const Node* fused = patch.add("example", "SoftCap", Attributes{{"cap", *cap}}, {x}, 1, {div, tanh, mul});
  patch.replace(mul->output(), fused->output());
  return true;
}

}  // namespace

bool fuse_soft_cap(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (Node* node : nodes) {
    if (is_op(node, "Mul") && (fuse_at(graph, node, 0) || fuse_at(graph, node, 1))) changed = true;
  }
  return changed;
}

}  // namespace oriel::examples
