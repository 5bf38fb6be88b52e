// ai.onnx.ml.LinearClassifier: scores X * coefficients^T + intercepts, the label of the largest, and the scores after
// the transform. One set of coefficients with two labels decides by the sign.
#include "ops/ml_linear.h"

namespace oriel::ops {

LinearClassifier::LinearClassifier(const Attributes& attributes)
    : labels(class_labels(attributes, "classlabels_ints", "classlabels_strings")),
      coefficients(attributes.get_floats("coefficients")),
      intercepts(floats_of(attributes, "intercepts")),
      transform(post_transform_of(attributes.get_string("post_transform"))) {
  const std::int64_t count = labels.defined() ? labels.size() : 0;
  targets = intercepts.empty() ? std::max<std::int64_t>(count, 1) : static_cast<std::int64_t>(intercepts.size());
  if (count != targets && !(targets == 1 && count <= 2))
    fail(ErrorCode::kInvalidGraph, "{} labels for {} sets of coefficients", count, targets);
}

void LinearClassifier::finish(std::vector<double>& scores, Tensor& to, std::int64_t n) const {
  if (targets > 1) {
    copy_label(to, n, labels, std::max_element(scores.begin(), scores.end()) - scores.begin());
  } else {
    const bool positive = scores[0] > 0;
    if (second()) {
      copy_label(to, n, labels, positive ? 1 : 0);
    } else if (positive && labels.defined()) {
      copy_label(to, n, labels, 0);
    } else if (to.type() == ElementType::kString) {
      to.data<std::string>()[n].clear();
    } else {
      to.data<std::int64_t>()[n] = positive ? 1 : 0;
    }
  }
  finish_scores(scores, transform, second() ? SecondClass::kComplement : SecondClass::kNone);
}

namespace {

void infer(InferContext& c) {
  check_ml_features(c);
  const LinearClassifier m(c.attributes());
  c.set(0, m.label_type(), Shape{ml_rows(c)});
  if (c.num_outputs() > 1) c.set(1, ElementType::kF32, Shape{ml_rows(c), Dim(m.columns())});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const LinearClassifier m(inputs.attributes());
  ORIEL_REQUIRE(static_cast<std::int64_t>(m.coefficients.size()) == m.targets * shape.features,
                "{} coefficients for {} features and {} targets", m.coefficients.size(), shape.features, m.targets);
  const std::int64_t columns = m.columns();
  const bool want_scores = outputs.size() > 1 && outputs.wanted(1);
  Tensor& labels = outputs.allocate(0, m.label_type(), {shape.rows});
  float* z = want_scores ? outputs.allocate(1, ElementType::kF32, {shape.rows, columns}).data<float>() : nullptr;
  std::vector<double> row;
  std::vector<double> scores;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    scores.assign(static_cast<std::size_t>(m.targets), 0.0);
    for (std::size_t t = 0; t < scores.size(); ++t) {
      double sum = m.intercepts.empty() ? 0.0 : m.intercepts[t];
      for (std::size_t i = 0; i < row.size(); ++i) sum += row[i] * m.coefficients[t * row.size() + i];
      scores[t] = sum;
    }
    m.finish(scores, labels, n);
    for (std::int64_t t = 0; z != nullptr && t < columns; ++t)
      z[n * columns + t] = static_cast<float>(scores[static_cast<std::size_t>(t)]);
  }
}

}  // namespace

OpDef op_ml_linear_classifier() {
  return {.name = "LinearClassifier",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .max_outputs = 2,
          .attributes = {{"classlabels_ints", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
                         {"classlabels_strings", std::vector<std::string>{}, AttributeDef::Need::kOptional},
                         {"coefficients", std::vector<float>{}, AttributeDef::Need::kRequired},
                         {"intercepts", std::vector<float>{}, AttributeDef::Need::kOptional},
                         {"multi_class", std::int64_t{0}},
                         {"post_transform", std::string("NONE")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
