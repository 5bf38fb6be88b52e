// Decision trees of ai.onnx.ml: built from the attributes of every tree operator, evaluated a row of features at a
// time.
#pragma once

#include "ops/ml.h"

namespace oriel::ops {

/// Trees over one list of nodes. Leaves carry weighted votes for targets.
struct Forest {
  enum class Mode : std::uint8_t { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember, kLeaf };
  struct Node {
    Mode mode = Mode::kLeaf;
    bool missing_is_true = false;
    std::int64_t feature = 0;
    double value = 0;
    std::int64_t if_true = -1;
    std::int64_t if_false = -1;
    std::vector<double> members;
  };
  struct Vote {
    std::int64_t target;
    double weight;
  };
  std::vector<Node> nodes;
  /// Votes of a node that is a leaf.
  std::vector<std::vector<Vote>> votes;
  std::vector<std::int64_t> roots;

  /// The forest of TreeEnsembleClassifier ("class") or TreeEnsembleRegressor ("target"): nodes_* with <prefix>_treeids,
  /// _nodeids, _ids and _weights. Throws Error(kInvalidGraph) for attributes that contradict each other, or nodes that
  /// form no trees.
  static Forest read(const Attributes& attributes, const std::string& prefix);
  /// Throws Error(kInvalidGraph) where a node is reached twice, or a child, root or vote for a target from `targets` on
  /// does not exist.
  void check(std::int64_t targets) const;
  /// The leaf of a tree that a row of features falls into. Throws Error(kInvalidArgument) where a feature is missing
  /// from the row.
  const std::vector<Vote>& leaf(std::int64_t root, const std::vector<double>& row) const;
};

/// Sums, or takes the mean, least or largest of the votes of all trees.
enum class TreeAggregate : std::uint8_t { kSum, kAverage, kMin, kMax };
TreeAggregate tree_aggregate_of(const std::string& name);

/// Scores of one row, one a target, and whether any tree voted for it.
struct TreeScores {
  std::vector<double> score;
  std::vector<bool> voted;
};
void evaluate_trees(const Forest& forest, TreeAggregate aggregate, const std::vector<double>& row, std::int64_t targets,
                    TreeScores& out);

/// TreeEnsembleClassifier, read once from its attributes.
struct TreeClassifier {
  Tensor labels;
  Forest forest;
  std::vector<double> base;
  PostTransform transform;
  bool single_class = true;  ///< all votes are for one class
  bool all_positive = true;

  /// Throws Error(kInvalidGraph) for attributes that contradict each other.
  explicit TreeClassifier(const Attributes& attributes);
  /// Makes the summed votes of a row its row of the second output, one column a label; returns the index of its label.
  std::int64_t finish(TreeScores& scores) const;
};

/// TreeEnsembleRegressor or TreeEnsemble, read once from its attributes.
struct TreeRegressor {
  Forest forest;
  std::int64_t targets = 1;
  TreeAggregate aggregate = TreeAggregate::kSum;
  PostTransform transform = PostTransform::kNone;
  std::vector<double> base;  ///< none, one, or one a target

  /// Both throw Error(kInvalidGraph) for attributes that contradict each other.
  static TreeRegressor of_regressor(const Attributes& attributes);
  static TreeRegressor of_ensemble(const Attributes& attributes);
  /// Makes the aggregated votes of a row its row of the output.
  void finish(std::vector<double>& scores) const;
  /// All rows of x, plainly.
  void run(const Tensor& x, Tensor& y, RunContext& context) const;
};

/// The attributes nodes_* and, with the prefix, the votes; base_values; post_transform.
std::vector<AttributeDef> tree_attributes(const std::string& prefix);

}  // namespace oriel::ops
