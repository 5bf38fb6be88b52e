// ai.onnx.ml.LinearRegressor: Y = post_transform(X * coefficients^T + intercepts), one column a target.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

std::int64_t targets_of(const Attributes& attributes) {
  const std::int64_t targets = attributes.get_int("targets");
  if (targets < 1) fail(ErrorCode::kInvalidGraph, "attribute targets is {}", targets);
  const std::vector<float> intercepts = floats_of(attributes, "intercepts");
  if (!intercepts.empty() && static_cast<std::int64_t>(intercepts.size()) != targets) {
    fail(ErrorCode::kInvalidGraph, "{} intercepts for {} targets", intercepts.size(), targets);
  }
  return targets;
}

void infer(InferContext& c) {
  check_ml_features(c);
  post_transform_of(c.attributes().get_string("post_transform"));
  c.set(0, ElementType::kF32, Shape{ml_rows(c), Dim(targets_of(c.attributes()))});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const std::int64_t targets = targets_of(inputs.attributes());
  const std::vector<float> coefficients = floats_of(inputs.attributes(), "coefficients");
  const std::vector<float> intercepts = floats_of(inputs.attributes(), "intercepts");
  const PostTransform transform = post_transform_of(inputs.attributes().get_string("post_transform"));
  ORIEL_REQUIRE(shape.features == 0 ? coefficients.empty()
                                    : static_cast<std::int64_t>(coefficients.size()) % shape.features == 0 &&
                                          static_cast<std::int64_t>(coefficients.size()) / shape.features == targets,
                "{} coefficients for {} features and {} targets", coefficients.size(), shape.features, targets);
  float* y = outputs.allocate(0, ElementType::kF32, {shape.rows, targets}).data<float>();
  std::vector<double> row;
  std::vector<double> scores;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    scores.assign(static_cast<std::size_t>(targets), 0.0);
    for (std::size_t t = 0; t < scores.size(); ++t) {
      scores[t] = intercepts.empty() ? 0.0 : intercepts[t];
      for (std::size_t i = 0; i < row.size(); ++i) scores[t] += row[i] * coefficients[t * row.size() + i];
    }
    finish_scores(scores, transform, SecondClass::kNone);
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
