// ai.onnx.ml.TreeEnsembleRegressor: votes of the leaves that a row falls into, aggregated over the trees, plus base
// values, transformed; one column a target.
#include "ops/ml_trees.h"

namespace oriel::ops {
TreeRegressor TreeRegressor::of_regressor(const Attributes& attributes) {
  TreeRegressor m;
  m.targets = attributes.get_int("n_targets");
  if (m.targets < 1) fail(ErrorCode::kInvalidGraph, "attribute n_targets is {}", m.targets);
  m.base = reals_of(attributes, "base_values");
  if (m.base.size() > 1 && static_cast<std::int64_t>(m.base.size()) != m.targets)
    fail(ErrorCode::kInvalidGraph, "{} base values for {} targets", m.base.size(), m.targets);
  m.forest = Forest::read(attributes, "target");
  m.forest.check(m.targets);
  m.aggregate = tree_aggregate_of(attributes.get_string("aggregate_function"));
  m.transform = post_transform_of(attributes.get_string("post_transform"));
  return m;
}

void TreeRegressor::finish(std::vector<double>& scores) const {
  for (std::size_t t = 0; t < scores.size() && !base.empty(); ++t) scores[t] += base[base.size() == 1 ? 0 : t];
  finish_scores(scores, transform, SecondClass::kNone);
}

void TreeRegressor::run(const Tensor& x, Tensor& y, RunContext& context) const {
  const MlRows shape(x);
  std::vector<double> row;
  TreeScores scores;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    evaluate_trees(forest, aggregate, row, targets, scores);
    finish(scores.score);
    for (std::int64_t t = 0; t < targets; ++t)
      store_element(y, n * targets + t, scores.score[static_cast<std::size_t>(t)]);
  }
}

namespace {

void infer(InferContext& c) {
  check_ml_features(c);
  c.set(0, ElementType::kF32, Shape{ml_rows(c), Dim(TreeRegressor::of_regressor(c.attributes()).targets)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const TreeRegressor m = TreeRegressor::of_regressor(inputs.attributes());
  m.run(inputs[0], outputs.allocate(0, ElementType::kF32, {MlRows(inputs[0]).rows, m.targets}), context);
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
