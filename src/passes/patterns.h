// Composites that models spell out node by node: recognised here for the passes that form them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ir/graph.h"

namespace oriel {

/// Nodes that together compute `output` from a few values. Nothing else reads what the nodes before the last one make,
/// and none of that is an output of the graph. f32 alone.
struct Composite {
  Value* x = nullptr;
  Value* output = nullptr;
  std::vector<const Node*> nodes;
};

/// x / 2 * (1 + erf(x / sqrt(2))), or x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), in any usual spelling.
struct GeluComposite : Composite {
  bool by_tanh = false;
};

/// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias over the axes from `axis` on; with `rms`
/// x / sqrt(mean(x^2) + epsilon) * scale.
struct LayerNormComposite : Composite {
  Value* scale = nullptr;
  Value* bias = nullptr;  ///< null where nothing is added
  float epsilon = 0.0F;
  std::int64_t axis = 0;
  bool rms = false;
};

/// softmax(scale * Q K^T + masks) V over [batch, heads, steps, size]; x is Q.
struct AttentionComposite : Composite {
  /// A matrix of keys, and how its axes lie: K = Transpose(key, key_perm), so that K is [batch, heads, keys, size].
  Value* key = nullptr;
  std::vector<std::int64_t> key_perm;
  Value* value = nullptr;
  float scale = 1.0F;
  /// Added to the scores one after another; none has more axes than they, and none enlarges them but along the keys. A
  /// constant of rank 5 stands for itself without its first axis, whose extent is 1.
  std::vector<Value*> masks;
  /// Where not null: scores are replaced by `hidden` where this bool tensor is false (true with `hides`). `hidden` is
  /// so low that adding it does the same.
  Value* keep = nullptr;
  bool hides = false;
  float hidden = 0.0F;
};

/// Whether the value is an output of its graph.
bool leaves_graph(const Value& v);

/// The number that an f32 constant of one element holds.
std::optional<double> constant_f32_number(const Value* v);

/// The GELU around an Erf or Tanh node.
std::optional<GeluComposite> match_gelu(const Node& node);

/// The layer or RMS normalisation whose first mean is this ReduceMean.
std::optional<LayerNormComposite> match_layer_norm(const Node& node);
std::optional<LayerNormComposite> match_rms_norm(const Node& node);

/// x * sigmoid(x), given the Sigmoid.
std::optional<Composite> match_swish(const Node& node);

/// The attention around a Softmax.
std::optional<AttentionComposite> match_attention(const Node& node);

}  // namespace oriel
