// ai.onnx.ml.TreeEnsemble: votes of the leaves that a row falls into, aggregated over the trees and transformed; one
// column a target.
#include "ops/ml_trees.h"

namespace oriel::ops {
namespace {

TreeAggregate aggregate_of(std::int64_t code) {
  switch (code) {
    case 0:
      return TreeAggregate::kAverage;
    case 1:
      return TreeAggregate::kSum;
    case 2:
      return TreeAggregate::kMin;
    case 3:
      return TreeAggregate::kMax;
    default:
      fail(ErrorCode::kInvalidGraph, "attribute aggregate_function is {}, expected 0 to 3", code);
  }
}

PostTransform transform_of(std::int64_t code) {
  if (code < 0 || code > 4) fail(ErrorCode::kInvalidGraph, "attribute post_transform is {}, expected 0 to 4", code);
  return static_cast<PostTransform>(code);
}

std::int64_t targets_of(const Attributes& attributes) {
  const std::int64_t targets = attributes.get_int("n_targets");
  if (targets < 1) fail(ErrorCode::kInvalidGraph, "attribute n_targets is {}", targets);
  return targets;
}

// Inner nodes come first in the forest's list, then leaves.
Forest read_forest(const Attributes& a) {
  const std::vector<std::int64_t>& features = a.get_ints("nodes_featureids");
  const std::vector<std::int64_t>& if_true = a.get_ints("nodes_truenodeids");
  const std::vector<std::int64_t>& if_false = a.get_ints("nodes_falsenodeids");
  const std::vector<std::int64_t>& true_leaf = a.get_ints("nodes_trueleafs");
  const std::vector<std::int64_t>& false_leaf = a.get_ints("nodes_falseleafs");
  const std::vector<std::int64_t> missing = a.get_ints("nodes_missing_value_tracks_true", {});
  const std::vector<std::int64_t>& leaf_targets = a.get_ints("leaf_targetids");
  const Tensor& modes = a.get_tensor("nodes_modes");
  const Tensor& splits = a.get_tensor("nodes_splits");
  const Tensor& weights = a.get_tensor("leaf_weights");
  const std::size_t inner = features.size();
  for (const std::size_t length :
       {if_true.size(), if_false.size(), true_leaf.size(), false_leaf.size(), static_cast<std::size_t>(modes.size()),
        static_cast<std::size_t>(splits.size()), missing.empty() ? inner : missing.size()}) {
    if (length != inner)
      fail(ErrorCode::kInvalidGraph, "an attribute nodes_* has {} values, expected {}", length, inner);
  }
  if (weights.size() != static_cast<std::int64_t>(leaf_targets.size())) {
    fail(ErrorCode::kInvalidGraph, "{} leaf_weights for {} leaf_targetids", weights.size(), leaf_targets.size());
  }
  const Tensor members = a.has("membership_values") ? a.get_tensor("membership_values") : Tensor();
  std::int64_t next_member = 0;
  Forest f;
  f.nodes.resize(inner + leaf_targets.size());
  f.votes.resize(f.nodes.size());
  f.roots = a.get_ints("tree_roots");
  const auto child = [&](std::int64_t index, std::int64_t is_leaf) {
    const auto limit = static_cast<std::int64_t>(is_leaf != 0 ? leaf_targets.size() : inner);
    if (index < 0 || index >= limit)
      fail(ErrorCode::kInvalidGraph, "{} {} does not exist, there are {}", is_leaf != 0 ? "leaf" : "node", index,
           limit);
    return is_leaf != 0 ? index + static_cast<std::int64_t>(inner) : index;
  };
  for (std::size_t i = 0; i < inner; ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t mode = element_as_i64(modes, at);
    if (mode < 0 || mode > 6) fail(ErrorCode::kInvalidGraph, "attribute nodes_modes has the value {}", mode);
    Forest::Node& n = f.nodes[i];
    n.mode = static_cast<Forest::Mode>(mode);
    n.feature = features[i];
    n.value = element_as_f64(splits, at);
    n.missing_is_true = !missing.empty() && missing[i] != 0;
    n.if_true = child(if_true[i], true_leaf[i]);
    n.if_false = child(if_false[i], false_leaf[i]);
    for (; n.mode == Forest::Mode::kMember && next_member < members.size(); ++next_member) {
      const double member = element_as_f64(members, next_member);
      if (std::isnan(member)) {
        ++next_member;
        break;
      }
      n.members.push_back(member);
    }
  }
  for (std::size_t i = 0; i < leaf_targets.size(); ++i) {
    f.votes[inner + i].push_back({leaf_targets[i], element_as_f64(weights, static_cast<std::int64_t>(i))});
  }
  f.check(targets_of(a));
  return f;
}

}  // namespace

TreeRegressor TreeRegressor::of_ensemble(const Attributes& attributes) {
  TreeRegressor m;
  m.targets = targets_of(attributes);
  m.forest = read_forest(attributes);
  m.aggregate = aggregate_of(attributes.get_int("aggregate_function"));
  m.transform = transform_of(attributes.get_int("post_transform"));
  return m;
}

namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kF16});
  const Shape& x = c.shape(0);
  if (x.is_ranked() && x.rank() != 1 && x.rank() != 2)
    fail(ErrorCode::kInvalidGraph, "input of shape {}, expected rank 2", x.to_string());
  c.set(0, c.element(0), Shape{ml_rows(c), Dim(TreeRegressor::of_ensemble(c.attributes()).targets)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const TreeRegressor m = TreeRegressor::of_ensemble(inputs.attributes());
  m.run(inputs[0], outputs.allocate(0, inputs[0].type(), {MlRows(inputs[0]).rows, m.targets}), context);
}

}  // namespace

OpDef op_ml_tree_ensemble() {
  std::vector<AttributeDef> attributes = {
      {"aggregate_function", std::int64_t{1}},
      {"n_targets", std::int64_t{1}},
      {"post_transform", std::int64_t{0}},
      {"leaf_weights", Tensor(), AttributeDef::Need::kRequired},
      {"nodes_modes", Tensor(), AttributeDef::Need::kRequired},
      {"nodes_splits", Tensor(), AttributeDef::Need::kRequired},
      {"membership_values", Tensor(), AttributeDef::Need::kOptional},
      {"nodes_hitrates", Tensor(), AttributeDef::Need::kOptional},
      {"nodes_missing_value_tracks_true", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional}};
  for (const char* name : {"leaf_targetids", "nodes_falseleafs", "nodes_falsenodeids", "nodes_featureids",
                           "nodes_trueleafs", "nodes_truenodeids", "tree_roots"}) {
    attributes.push_back({name, std::vector<std::int64_t>{}, AttributeDef::Need::kRequired});
  }
  return {.name = "TreeEnsemble",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
