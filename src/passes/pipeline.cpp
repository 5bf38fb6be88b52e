// The visible lists of passes.
#include <iterator>

#include "passes/pass.h"

namespace oriel {
namespace {

constexpr Pass kLegalise[] = {expand_einsum, expand_mean_variance, remove_dead_nodes};
constexpr Pass kOptimise[] = {remove_identities, fold_constants, refine_types,
                              move_quantisation, fold_constants, remove_dead_nodes};
// Composites, from the small to the large; folding afterwards takes what they combined of constants.
constexpr Pass kForm[] = {remove_identities,  refine_types,      fold_constants, refine_types,
                          unflatten_products, form_layer_norm,   form_gelu,      form_swish,
                          form_attention,     merge_projections, fold_constants, remove_dead_nodes};

template <std::size_t N>
void run(const Pass (&passes)[N], Graph& graph) {
  for (const Node* node : graph.nodes()) {
    for (const auto& [name, attribute] : node->attributes().items()) {
      if (const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute); body != nullptr && *body)
        run(passes, **body);
    }
  }
  for (const Pass pass : passes) pass(graph);
}

}  // namespace

void legalise(Graph& graph) { run(kLegalise, graph); }

void optimise(Graph& graph, OptimizationLevel level) {
  if (level != OptimizationLevel::kDisabled) run(kOptimise, graph);
  if (level >= OptimizationLevel::kExtended) run(kForm, graph);
}

bool refine_types(Graph& graph) { return graph.refine_types(); }

bool remove_dead_nodes(Graph& graph) { return Patch::clean(graph) > 0; }

}  // namespace oriel
