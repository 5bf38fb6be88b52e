// ai.onnx.ml.TreeEnsembleClassifier: sums of the votes of the leaves that a row falls into, one a class, plus base
// values; the label of the largest, and the scores after the transform. Two classes with votes for one of them alone
// decide by a threshold (0.5 where all weights are positive, else 0), and where that is the first, its score stands for
// both.
#include "ops/ml_trees.h"

namespace oriel::ops {
TreeClassifier::TreeClassifier(const Attributes& attributes)
    : labels(class_labels(attributes, "classlabels_int64s", "classlabels_strings")),
      forest(Forest::read(attributes, "class")),
      base(reals_of(attributes, "base_values")),
      transform(post_transform_of(attributes.get_string("post_transform"))) {
  if (!labels.defined())
    fail(ErrorCode::kInvalidGraph, "attributes classlabels_int64s and classlabels_strings are missing");
  if (!base.empty() && static_cast<std::int64_t>(base.size()) != labels.size() &&
      !(base.size() == 1 && labels.size() == 2)) {
    fail(ErrorCode::kInvalidGraph, "{} base values for {} classes", base.size(), labels.size());
  }
  forest.check(labels.size());
  std::int64_t target = -1;
  for (const std::vector<Forest::Vote>& leaf : forest.votes) {
    for (const Forest::Vote& v : leaf) {
      single_class = single_class && (target < 0 || target == v.target);
      target = v.target;
      all_positive = all_positive && v.weight >= 0;
    }
  }
}

std::int64_t TreeClassifier::finish(TreeScores& s) const {
  const bool binary = labels.size() == 2 && single_class && base.size() < 2;
  for (std::size_t i = 0; i < base.size(); ++i) {
    if (binary && !s.voted[i]) continue;
    s.score[i] += base[i];
    s.voted[i] = true;
  }
  SecondClass second = SecondClass::kNone;
  std::int64_t label = 0;
  if (binary) {
    if (!s.voted[1]) s.score.pop_back();
    label = s.score.back() > (all_positive ? 0.5 : 0.0) ? 1 : 0;
    second = all_positive ? SecondClass::kComplement : SecondClass::kNegated;
  } else {
    bool found = false;
    for (std::size_t i = 0; i < s.score.size(); ++i) {
      if (!s.voted[i] || (found && s.score[i] <= s.score[static_cast<std::size_t>(label)])) continue;
      label = static_cast<std::int64_t>(i);
      found = true;
    }
  }
  finish_scores(s.score, transform, second);
  s.score.resize(static_cast<std::size_t>(labels.size()), 0.0);
  return label;
}

namespace {

void infer(InferContext& c) {
  check_ml_features(c);
  const TreeClassifier m(c.attributes());
  c.set(0, m.labels.type(), Shape{ml_rows(c)});
  if (c.num_outputs() > 1) c.set(1, ElementType::kF32, Shape{ml_rows(c), Dim(m.labels.size())});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const TreeClassifier m(inputs.attributes());
  const std::int64_t classes = m.labels.size();
  const bool want_scores = outputs.size() > 1 && outputs.wanted(1);
  Tensor& labels = outputs.allocate(0, m.labels.type(), {shape.rows});
  float* z = want_scores ? outputs.allocate(1, ElementType::kF32, {shape.rows, classes}).data<float>() : nullptr;
  std::vector<double> row;
  TreeScores scores;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    evaluate_trees(m.forest, TreeAggregate::kSum, row, classes, scores);
    copy_label(labels, n, m.labels, m.finish(scores));
    for (std::int64_t t = 0; z != nullptr && t < classes; ++t)
      z[n * classes + t] = static_cast<float>(scores.score[static_cast<std::size_t>(t)]);
  }
}

}  // namespace

OpDef op_ml_tree_ensemble_classifier() {
  std::vector<AttributeDef> attributes = tree_attributes("class");
  attributes.push_back({"classlabels_int64s", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional});
  attributes.push_back({"classlabels_strings", std::vector<std::string>{}, AttributeDef::Need::kOptional});
  return {.name = "TreeEnsembleClassifier",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .max_outputs = 2,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
