// Nodes that give their operand as it is go; users read the operand.
#include <algorithm>
#include <vector>

#include "passes/pass.h"
#include "passes/patterns.h"

namespace oriel {
namespace {

// Whether a constant operand of integers holds `wanted` throughout; an absent one does where `absent` says so.
bool all_are(const Value* v, std::int64_t wanted, bool absent) {
  if (v == nullptr) return absent;
  if (!v->is_constant()) return false;
  const std::vector<std::int64_t> list = v->constant()->to_i64();
  return std::all_of(list.begin(), list.end(), [&](std::int64_t x) { return x == wanted; });
}

bool gives_operand(const Node& node) {
  if (!node.op().domain.empty() || node.num_inputs() == 0 || node.input(0) == nullptr) return false;
  const std::string& name = node.op().name;
  if (name == "Identity") return true;
  const Value& x = *node.input(0);
  const Value& y = *node.output();
  if (!x.type().is_tensor() || !y.type().is_tensor() || x.element() != y.element()) return false;
  if (name == "Cast") return true;
  const bool same_shape = x.shape().is_ranked() && y.shape().is_ranked() && x.shape().same(y.shape());
  if (name == "Concat") return node.num_inputs() == 1;
  if (name == "Reshape" || name == "Expand") return same_shape;
  if (name == "Pad") return same_shape && all_are(node.input(1), 0, false);
  if (name == "Slice") return same_shape && all_are(node.input(4), 1, true);
  if (name == "Mul" || name == "Div") return same_shape && constant_f32_number(node.input(1)) == 1.0;
  if (name == "Dropout") {
    if (node.num_outputs() > 1 && (!node.output(1)->users().empty() || leaves_graph(*node.output(1)))) return false;
    return all_are(node.input(2), 0, true);
  }
  return false;
}

}  // namespace

bool remove_identities(Graph& graph) {
  bool changed = false;
  for (Node* node : graph.nodes()) {
    if (!gives_operand(*node)) continue;
    Patch(graph).replace(node->output(), node->input(0));
    changed = true;
  }
  return changed;
}

}  // namespace oriel
