// MeanVarianceNormalization of f32 as means and elementwise nodes: d / (sqrt(mean(d^2)) + 1e-9) with d = x - mean(x).
#include "passes/pass.h"

namespace oriel {

bool expand_mean_variance(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (const Node* node : nodes) {
    if (node->op().name != "MeanVarianceNormalization" || !node->op().domain.empty() ||
        node->output()->element() != ElementType::kF32)
      continue;
    if (node->attributes().get_ints("axes").empty()) continue;
    Patch patch(graph);
    const auto call = [&](std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) {
      return patch.call(op, std::move(inputs), std::move(attributes), {node});
    };
    Value* axes = patch.constant(Tensor::of_i64(node->attributes().get_ints("axes")));
    const auto mean = [&](Value* v) { return call("ReduceMean", {v, axes}, {{"keepdims", std::int64_t{1}}}); };
    Value* centred = call("Sub", {node->input(0), mean(node->input(0))});
    Value* deviation = call("Sqrt", {mean(call("Mul", {centred, centred}))});
    Value* result = call("Div", {centred, call("Add", {deviation, patch.constant(Tensor::scalar<float>(1e-9F))})});
    InferContext(*result->producer()).set(0, result->element(), node->output()->shape());
    patch.replace(node->output(), result);
    changed = true;
  }
  return changed;
}

}  // namespace oriel
