// Decision trees of ai.onnx.ml.
#include "ops/ml_trees.h"

#include <map>

namespace oriel::ops {
namespace {

Forest::Mode mode_of(const std::string& name) {
  if (name == "LEAF") return Forest::Mode::kLeaf;
  if (name == "BRANCH_LEQ") return Forest::Mode::kLessEqual;
  if (name == "BRANCH_LT") return Forest::Mode::kLess;
  if (name == "BRANCH_GTE") return Forest::Mode::kGreaterEqual;
  if (name == "BRANCH_GT") return Forest::Mode::kGreater;
  if (name == "BRANCH_EQ") return Forest::Mode::kEqual;
  if (name == "BRANCH_NEQ") return Forest::Mode::kNotEqual;
  fail(ErrorCode::kInvalidGraph, "attribute nodes_modes has the value \"{}\"", name);
}

void require_length(const std::string& name, std::size_t length, std::size_t expected) {
  if (length != expected)
    fail(ErrorCode::kInvalidGraph, "attribute {} has {} values, expected {}", name, length, expected);
}

bool takes_true(const Forest::Node& n, double x) {
  if (n.missing_is_true && std::isnan(x)) return true;
  switch (n.mode) {
    case Forest::Mode::kLessEqual:
      return x <= n.value;
    case Forest::Mode::kLess:
      return x < n.value;
    case Forest::Mode::kGreaterEqual:
      return x >= n.value;
    case Forest::Mode::kGreater:
      return x > n.value;
    case Forest::Mode::kEqual:
      return x == n.value;
    case Forest::Mode::kNotEqual:
      return x != n.value;
    case Forest::Mode::kMember:
      return std::find(n.members.begin(), n.members.end(), x) != n.members.end();
    case Forest::Mode::kLeaf:
      break;
  }
  return false;
}

}  // namespace

Forest Forest::read(const Attributes& attributes, const std::string& prefix) {
  const std::vector<std::int64_t> none;
  const std::vector<std::int64_t> trees = attributes.get_ints("nodes_treeids", none);
  const std::vector<std::int64_t> ids = attributes.get_ints("nodes_nodeids", none);
  const std::vector<std::int64_t> features = attributes.get_ints("nodes_featureids", none);
  const std::vector<std::int64_t> if_true = attributes.get_ints("nodes_truenodeids", none);
  const std::vector<std::int64_t> if_false = attributes.get_ints("nodes_falsenodeids", none);
  const std::vector<std::int64_t> missing = attributes.get_ints("nodes_missing_value_tracks_true", none);
  const std::vector<std::string> modes =
      attributes.has("nodes_modes") ? attributes.get_strings("nodes_modes") : std::vector<std::string>();
  const std::vector<double> values = reals_of(attributes, "nodes_values");
  const std::size_t count = ids.size();
  require_length("nodes_treeids", trees.size(), count);
  require_length("nodes_featureids", features.size(), count);
  require_length("nodes_truenodeids", if_true.size(), count);
  require_length("nodes_falsenodeids", if_false.size(), count);
  require_length("nodes_modes", modes.size(), count);
  require_length("nodes_values", values.size(), count);
  if (!missing.empty()) require_length("nodes_missing_value_tracks_true", missing.size(), count);

  Forest f;
  f.nodes.resize(count);
  f.votes.resize(count);
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> places;
  for (std::size_t i = 0; i < count; ++i) {
    if (!places.emplace(std::pair(trees[i], ids[i]), static_cast<std::int64_t>(i)).second) {
      fail(ErrorCode::kInvalidGraph, "tree {} has two nodes {}", trees[i], ids[i]);
    }
  }
  const auto place = [&](std::int64_t tree, std::int64_t id) {
    const auto found = places.find({tree, id});
    if (found == places.end()) fail(ErrorCode::kInvalidGraph, "tree {} has no node {}", tree, id);
    return found->second;
  };
  std::vector<bool> child(count, false);
  for (std::size_t i = 0; i < count; ++i) {
    Node& n = f.nodes[i];
    n.mode = mode_of(modes[i]);
    n.feature = features[i];
    n.value = values[i];
    n.missing_is_true = !missing.empty() && missing[i] != 0;
    if (n.mode == Mode::kLeaf) continue;
    n.if_true = place(trees[i], if_true[i]);
    n.if_false = place(trees[i], if_false[i]);
    child[static_cast<std::size_t>(n.if_true)] = true;
    child[static_cast<std::size_t>(n.if_false)] = true;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!child[i]) f.roots.push_back(static_cast<std::int64_t>(i));
  }
  const std::vector<std::int64_t> vote_trees = attributes.get_ints(prefix + "_treeids", none);
  const std::vector<std::int64_t> vote_nodes = attributes.get_ints(prefix + "_nodeids", none);
  const std::vector<std::int64_t> vote_ids = attributes.get_ints(prefix + "_ids", none);
  const std::vector<double> weights = reals_of(attributes, prefix + "_weights");
  require_length(prefix + "_nodeids", vote_nodes.size(), vote_ids.size());
  require_length(prefix + "_treeids", vote_trees.size(), vote_ids.size());
  require_length(prefix + "_weights", weights.size(), vote_ids.size());
  for (std::size_t i = 0; i < vote_ids.size(); ++i) {
    const std::int64_t at = place(vote_trees[i], vote_nodes[i]);
    if (f.nodes[static_cast<std::size_t>(at)].mode != Mode::kLeaf) continue;
    f.votes[static_cast<std::size_t>(at)].push_back({vote_ids[i], weights[i]});
  }
  return f;
}

void Forest::check(std::int64_t targets) const {
  const auto count = static_cast<std::int64_t>(nodes.size());
  std::vector<bool> seen(nodes.size(), false);
  std::vector<std::int64_t> open;
  for (const std::int64_t root : roots) {
    open.push_back(root);
    while (!open.empty()) {
      const std::int64_t at = open.back();
      open.pop_back();
      if (at < 0 || at >= count) fail(ErrorCode::kInvalidGraph, "node {} does not exist, there are {}", at, count);
      const Node& n = nodes[static_cast<std::size_t>(at)];
      if (n.mode == Mode::kLeaf) continue;
      if (seen[static_cast<std::size_t>(at)]) fail(ErrorCode::kInvalidGraph, "node {} is reached on two ways", at);
      seen[static_cast<std::size_t>(at)] = true;
      if (n.feature < 0) fail(ErrorCode::kInvalidGraph, "node {} asks for feature {}", at, n.feature);
      open.push_back(n.if_true);
      if (n.if_false != n.if_true) open.push_back(n.if_false);
    }
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].mode != Mode::kLeaf && !seen[i]) fail(ErrorCode::kInvalidGraph, "node {} belongs to no tree", i);
    for (const Vote& v : votes[i]) {
      if (v.target < 0 || v.target >= targets)
        fail(ErrorCode::kInvalidGraph, "a vote for target {}, there are {}", v.target, targets);
    }
  }
}

const std::vector<Forest::Vote>& Forest::leaf(std::int64_t root, const std::vector<double>& row) const {
  std::int64_t at = root;
  while (nodes[static_cast<std::size_t>(at)].mode != Mode::kLeaf) {
    const Node& n = nodes[static_cast<std::size_t>(at)];
    ORIEL_REQUIRE(n.feature < static_cast<std::int64_t>(row.size()), "feature {} is missing from a row of {}",
                  n.feature, row.size());
    at = takes_true(n, row[static_cast<std::size_t>(n.feature)]) ? n.if_true : n.if_false;
  }
  return votes[static_cast<std::size_t>(at)];
}

TreeAggregate tree_aggregate_of(const std::string& name) {
  if (name == "SUM") return TreeAggregate::kSum;
  if (name == "AVERAGE") return TreeAggregate::kAverage;
  if (name == "MIN") return TreeAggregate::kMin;
  if (name == "MAX") return TreeAggregate::kMax;
  fail(ErrorCode::kInvalidGraph, "attribute aggregate_function is \"{}\"", name);
}

void evaluate_trees(const Forest& forest, TreeAggregate aggregate, const std::vector<double>& row, std::int64_t targets,
                    TreeScores& out) {
  out.score.assign(static_cast<std::size_t>(targets), 0.0);
  out.voted.assign(static_cast<std::size_t>(targets), false);
  for (const std::int64_t root : forest.roots) {
    for (const Forest::Vote& v : forest.leaf(root, row)) {
      const auto t = static_cast<std::size_t>(v.target);
      if (!out.voted[t]) {
        out.score[t] = v.weight;
      } else if (aggregate == TreeAggregate::kMin) {
        out.score[t] = std::min(out.score[t], v.weight);
      } else if (aggregate == TreeAggregate::kMax) {
        out.score[t] = std::max(out.score[t], v.weight);
      } else {
        out.score[t] += v.weight;
      }
      out.voted[t] = true;
    }
  }
  if (aggregate != TreeAggregate::kAverage || forest.roots.empty()) return;
  for (double& s : out.score) s /= static_cast<double>(forest.roots.size());
}

std::vector<AttributeDef> tree_attributes(const std::string& prefix) {
  std::vector<AttributeDef> list;
  const auto optional = [&list](const std::string& name, Attribute prototype) {
    list.push_back({name, std::move(prototype), AttributeDef::Need::kOptional});
  };
  for (const char* name : {"nodes_falsenodeids", "nodes_featureids", "nodes_missing_value_tracks_true", "nodes_nodeids",
                           "nodes_treeids", "nodes_truenodeids"}) {
    optional(name, std::vector<std::int64_t>{});
  }
  for (const char* suffix : {"_ids", "_nodeids", "_treeids"}) optional(prefix + suffix, std::vector<std::int64_t>{});
  for (const std::string& name :
       {std::string("nodes_values"), std::string("nodes_hitrates"), std::string("base_values"), prefix + "_weights"}) {
    optional(name, std::vector<float>{});
    optional(name + "_as_tensor", Tensor());
  }
  optional("nodes_modes", std::vector<std::string>{});
  list.push_back({"post_transform", std::string("NONE")});
  return list;
}

}  // namespace oriel::ops
