// ai.onnx.ml.LinearRegressor: Y = post_transform(X * coefficients^T + intercepts), one column a target.
#include "ops/ml_linear.h"

namespace oriel::ops {

LinearRegressor::LinearRegressor(const Attributes& attributes)
    : coefficients(floats_of(attributes, "coefficients")),
      intercepts(floats_of(attributes, "intercepts")),
      targets(attributes.get_int("targets")),
      transform(post_transform_of(attributes.get_string("post_transform"))) {
  if (targets < 1) fail(ErrorCode::kInvalidGraph, "attribute targets is {}", targets);
  if (!intercepts.empty() && static_cast<std::int64_t>(intercepts.size()) != targets) {
    fail(ErrorCode::kInvalidGraph, "{} intercepts for {} targets", intercepts.size(), targets);
  }
}

namespace {

void infer(InferContext& c) {
  check_ml_features(c);
  c.set(0, ElementType::kF32, Shape{ml_rows(c), Dim(LinearRegressor(c.attributes()).targets)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const LinearRegressor m(inputs.attributes());
  ORIEL_REQUIRE(shape.features == 0
                    ? m.coefficients.empty()
                    : static_cast<std::int64_t>(m.coefficients.size()) % shape.features == 0 &&
                          static_cast<std::int64_t>(m.coefficients.size()) / shape.features == m.targets,
                "{} coefficients for {} features and {} targets", m.coefficients.size(), shape.features, m.targets);
  float* y = outputs.allocate(0, ElementType::kF32, {shape.rows, m.targets}).data<float>();
  std::vector<double> row;
  std::vector<double> scores;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    scores.assign(static_cast<std::size_t>(m.targets), 0.0);
    for (std::size_t t = 0; t < scores.size(); ++t) {
      scores[t] = m.intercepts.empty() ? 0.0 : m.intercepts[t];
      for (std::size_t i = 0; i < row.size(); ++i) scores[t] += row[i] * m.coefficients[t * row.size() + i];
    }
    finish_scores(scores, m.transform, SecondClass::kNone);
    for (const double s : scores) *y++ = static_cast<float>(s);
  }
}

}  // namespace

OpDef op_ml_linear_regressor() {
  return {.name = "LinearRegressor",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"coefficients", std::vector<float>{}, AttributeDef::Need::kOptional},
                         {"intercepts", std::vector<float>{}, AttributeDef::Need::kOptional},
                         {"post_transform", std::string("NONE")},
                         {"targets", std::int64_t{1}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
