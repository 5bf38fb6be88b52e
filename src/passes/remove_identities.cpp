// Identity nodes go, and Dropout nodes outside training whose mask nobody reads; users read the operand.
#include <algorithm>

#include "passes/pass.h"

namespace oriel {
namespace {

bool read_by_anybody(const Graph& graph, const Value* v) {
  return !v->users().empty() || std::find(graph.outputs().begin(), graph.outputs().end(), v) != graph.outputs().end();
}

bool passes_on(const Graph& graph, const Node& node) {
  if (!node.op().domain.empty()) return false;
  if (node.op().name == "Identity") return true;
  if (node.op().name != "Dropout") return false;
  if (node.num_outputs() > 1 && read_by_anybody(graph, node.output(1))) return false;
  const Value* training = node.input(2);
  if (training == nullptr) return true;
  return training->is_constant() && training->constant()->size() == 1 && element_as_i64(*training->constant(), 0) == 0;
}

}  // namespace

bool remove_identities(Graph& graph) {
  bool changed = false;
  for (Node* node : graph.nodes()) {
    if (!passes_on(graph, *node)) continue;
    Patch(graph).replace(node->output(), node->input(0));
    changed = true;
  }
  return changed;
}

}  // namespace oriel
