// Identity nodes go; users read the operand.
#include "passes/pass.h"

namespace oriel {

bool remove_identities(Graph& graph) {
  bool changed = false;
  for (Node* node : graph.nodes()) {
    if (node->op().name != "Identity" || !node->op().domain.empty()) continue;
    Patch(graph).replace(node->output(), node->input(0));
    changed = true;
  }
  return changed;
}

}  // namespace oriel
