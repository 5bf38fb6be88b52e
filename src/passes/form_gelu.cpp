// GELUs that are spelled out become one node.
#include "passes/pass.h"
#include "passes/patterns.h"

namespace oriel {

bool form_gelu(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (const Node* node : nodes) {
    const std::optional<GeluComposite> found = match_gelu(*node);
    if (!found) continue;
    Attributes attributes;
    attributes.set("approximate", std::string(found->by_tanh ? "tanh" : "none"));
    Patch patch(graph);
    patch.replace(found->output, patch.call("Gelu", {found->x}, std::move(attributes), found->nodes));
    changed = true;
  }
  return Patch::clean(graph) > 0 || changed;
}

}  // namespace oriel
