// ai.onnx.ml.LinearClassifier: scores X * coefficients^T + intercepts, the label of the largest, and the scores after
// the transform. One set of coefficients with two labels decides by the sign.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

struct Model {
  Tensor labels;
  std::vector<float> coefficients;
  std::vector<float> intercepts;
  std::int64_t targets;

  explicit Model(const Attributes& attributes)
      : labels(class_labels(attributes, "classlabels_ints", "classlabels_strings")),
        coefficients(attributes.get_floats("coefficients")),
        intercepts(floats_of(attributes, "intercepts")) {
    const std::int64_t count = labels.defined() ? labels.size() : 0;
    targets = intercepts.empty() ? std::max<std::int64_t>(count, 1) : static_cast<std::int64_t>(intercepts.size());
    if (count != targets && !(targets == 1 && count <= 2))
      fail(ErrorCode::kInvalidGraph, "{} labels for {} sets of coefficients", count, targets);
  }
  bool second() const { return targets == 1 && labels.defined() && labels.size() == 2; }
};

void infer(InferContext& c) {
  check_ml_features(c);
  post_transform_of(c.attributes().get_string("post_transform"));
  const Model m(c.attributes());
  c.set(0, m.labels.defined() ? m.labels.type() : ElementType::kI64, Shape{ml_rows(c)});
  if (c.num_outputs() > 1) c.set(1, ElementType::kF32, Shape{ml_rows(c), Dim(m.second() ? 2 : m.targets)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const Model m(inputs.attributes());
  const PostTransform transform = post_transform_of(inputs.attributes().get_string("post_transform"));
  ORIEL_REQUIRE(static_cast<std::int64_t>(m.coefficients.size()) == m.targets * shape.features,
                "{} coefficients for {} features and {} targets", m.coefficients.size(), shape.features, m.targets);
  const std::int64_t columns = m.second() ? 2 : m.targets;
  const bool want_scores = outputs.size() > 1 && outputs.wanted(1);
  Tensor& labels = outputs.allocate(0, m.labels.defined() ? m.labels.type() : ElementType::kI64, {shape.rows});
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
    if (m.targets > 1) {
      copy_label(labels, n, m.labels, std::max_element(scores.begin(), scores.end()) - scores.begin());
    } else {
      const bool positive = scores[0] > 0;
      if (m.second()) {
        copy_label(labels, n, m.labels, positive ? 1 : 0);
      } else if (positive && m.labels.defined()) {
        copy_label(labels, n, m.labels, 0);
      } else if (labels.type() == ElementType::kString) {
        labels.data<std::string>()[n].clear();
      } else {
        labels.data<std::int64_t>()[n] = positive ? 1 : 0;
      }
    }
    finish_scores(scores, transform, m.second() ? SecondClass::kComplement : SecondClass::kNone);
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
