// Rewrites of graphs, and the ordered lists of them.
#pragma once

#include "ir/graph.h"

namespace oriel {

/// How far stage 3b goes, as a session's level says. Legalising and device passes run at every level.
enum class OptimizationLevel : std::uint8_t { kDisabled, kBasic, kExtended, kLayout, kAll };

/// A rewrite of one graph (bodies are visited by the pipeline); returns whether anything changed.
using Pass = bool (*)(Graph&);

/// Stage 3a: decomposes and canonicalises.
void legalise(Graph& graph);

/// Stage 3b: folding, dead code and re-forming of composites.
void optimise(Graph& graph, OptimizationLevel level);

/// Makes f16 and bf16 storage alone: nodes that compute do so in f32, bodies included. For devices without half
/// arithmetic; runs at every level. Returns whether anything changed.
bool widen_half(Graph& graph);

// One file each.
bool expand_einsum(Graph& graph);
bool expand_mean_variance(Graph& graph);
bool fold_constants(Graph& graph);
bool form_attention(Graph& graph);
bool form_gelu(Graph& graph);
bool form_layer_norm(Graph& graph);
bool form_swish(Graph& graph);
bool merge_projections(Graph& graph);
bool move_quantisation(Graph& graph);
bool remove_identities(Graph& graph);
bool remove_dead_nodes(Graph& graph);
bool refine_types(Graph& graph);
bool unflatten_products(Graph& graph);

}  // namespace oriel
