// x * sigmoid(x) becomes one node.
#include "passes/pass.h"
#include "passes/patterns.h"

namespace oriel {

bool form_swish(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (const Node* node : nodes) {
    const std::optional<Composite> found = match_swish(*node);
    if (!found) continue;
    Patch patch(graph);
    patch.replace(found->output, patch.call("Swish", {found->x}, {}, found->nodes));
    changed = true;
  }
  return Patch::clean(graph) > 0 || changed;
}

}  // namespace oriel
