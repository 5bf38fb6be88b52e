// Layer and RMS normalisations that are spelled out become one node.
#include "passes/pass.h"
#include "passes/patterns.h"

namespace oriel {

bool form_layer_norm(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (const Node* node : nodes) {
    std::optional<LayerNormComposite> found = match_layer_norm(*node);
    if (!found) found = match_rms_norm(*node);
    if (!found) continue;
    Attributes attributes;
    attributes.set("axis", found->axis);
    attributes.set("epsilon", found->epsilon);
    std::vector<Value*> inputs{found->x, found->scale};
    if (found->bias != nullptr) inputs.push_back(found->bias);
    Patch patch(graph);
    patch.replace(found->output, patch.call(found->rms ? "RMSNormalization" : "LayerNormalization", std::move(inputs),
                                            std::move(attributes), found->nodes));
    changed = true;
  }
  return Patch::clean(graph) > 0 || changed;
}

}  // namespace oriel
