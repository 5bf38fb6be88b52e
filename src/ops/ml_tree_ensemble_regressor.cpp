// ai.onnx.ml.TreeEnsembleRegressor: votes of the leaves that a row falls into, aggregated over the trees, plus base
// values, transformed; one column a target.
#include "ops/ml_trees.h"

namespace oriel::ops {
namespace {

std::int64_t targets_of(const Attributes& attributes) {
  const std::int64_t targets = attributes.get_int("n_targets");
  if (targets < 1) fail(ErrorCode::kInvalidGraph, "attribute n_targets is {}", targets);
  const std::size_t base = reals_of(attributes, "base_values").size();
  if (base > 1 && static_cast<std::int64_t>(base) != targets)
    fail(ErrorCode::kInvalidGraph, "{} base values for {} targets", base, targets);
  return targets;
}

void infer(InferContext& c) {
  check_ml_features(c);
  post_transform_of(c.attributes().get_string("post_transform"));
  tree_aggregate_of(c.attributes().get_string("aggregate_function"));
  const std::int64_t targets = targets_of(c.attributes());
  Forest::read(c.attributes(), "target").check(targets);
  c.set(0, ElementType::kF32, Shape{ml_rows(c), Dim(targets)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const Attributes& attributes = inputs.attributes();
  const std::int64_t targets = targets_of(attributes);
  const Forest forest = Forest::read(attributes, "target");
  forest.check(targets);
  const TreeAggregate aggregate = tree_aggregate_of(attributes.get_string("aggregate_function"));
  const PostTransform transform = post_transform_of(attributes.get_string("post_transform"));
  const std::vector<double> base = reals_of(attributes, "base_values");
  float* y = outputs.allocate(0, ElementType::kF32, {shape.rows, targets}).data<float>();
  std::vector<double> row;
  TreeScores scores;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    evaluate_trees(forest, aggregate, row, targets, scores);
    for (std::size_t t = 0; t < scores.score.size() && !base.empty(); ++t)
      scores.score[t] += base[base.size() == 1 ? 0 : t];
    finish_scores(scores.score, transform, SecondClass::kNone);
    for (const double s : scores.score) *y++ = static_cast<float>(s);
  }
}

}  // namespace

OpDef op_ml_tree_ensemble_regressor() {
  std::vector<AttributeDef> attributes = tree_attributes("target");
  attributes.push_back({"aggregate_function", std::string("SUM")});
  attributes.push_back({"n_targets", std::int64_t{1}});
  return {.name = "TreeEnsembleRegressor",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
