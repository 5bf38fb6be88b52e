// Products of a tensor's rows, spelled as a reshape to a matrix, Gemm or MatMul, and a reshape back, become one MatMul
// of the tensor itself, so that what stands behind can be fused with it.
#include "passes/pass.h"
#include "passes/patterns.h"

namespace oriel {
namespace {

bool is_op(const Node* node, std::string_view name) {
  return node != nullptr && node->op().domain.empty() && node->op().name == name;
}

bool is_ranked_tensor(const Value& v) { return v.type().is_tensor() && v.shape().is_ranked(); }

// Whether `node` is A B + C with nothing else, where C is absent or a constant row.
bool is_plain_product(const Node& node) {
  if (is_op(&node, "MatMul")) return true;
  const Attributes& a = node.attributes();
  if (!is_op(&node, "Gemm") || a.get_int("transA") != 0 || a.get_int("transB") != 0 || a.get_float("alpha") != 1.0F)
    return false;
  const Value* c = node.input(2);
  return c == nullptr || (a.get_float("beta") == 1.0F && c->is_constant() && c->constant()->rank() >= 1 &&
                          c->constant()->dims().back() == c->constant()->size());
}

// The reshape that alone reads the product.
const Node* reshape_behind(const Value& y) {
  if (leaves_graph(y) || y.users().size() != 1 || !is_op(y.users()[0], "Reshape")) return nullptr;
  return y.users()[0];
}

}  // namespace

bool unflatten_products(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (const Node* node : nodes) {
    if (!is_op(node, "Gemm") && !is_op(node, "MatMul")) continue;
    const Node* flatten = node->input(0)->producer();
    const Node* restore = reshape_behind(*node->output());
    if (!is_plain_product(*node) || !is_op(flatten, "Reshape") || restore == nullptr) continue;
    Value* x = flatten->input(0);
    Value* b = node->input(1);
    const Value& result = *restore->output();
    if (!is_ranked_tensor(*x) || !is_ranked_tensor(*b) || !is_ranked_tensor(*node->input(0)) ||
        !is_ranked_tensor(result))
      continue;
    const std::size_t rank = x->shape().rank();
    if (rank < 2 || b->shape().rank() != 2 || node->input(0)->shape().rank() != 2) continue;
    // The rows stay whole, and the result's axes but the last are those of x.
    const Dim& k = b->shape()[0];
    if (!k.is_known() || k.value() == 0 || !x->shape()[rank - 1].same(k)) continue;
    std::vector<Dim> dims = x->shape().dims();
    dims[rank - 1] = b->shape()[1];
    if (!result.shape().same(Shape(std::move(dims)))) continue;
    Patch patch(graph);
    const std::vector<const Node*> from{flatten, node, restore};
    Value* c = is_op(node, "Gemm") ? node->input(2) : nullptr;
    Value* y = patch.call("MatMul", {x, b}, {}, from);
    if (c != nullptr) y = patch.call("Add", {y, c}, {}, from);
    if (!y->shape().same(result.shape())) continue;
    patch.replace(restore->output(), y);
    changed = true;
  }
  return Patch::clean(graph) > 0 || changed;
}

}  // namespace oriel
