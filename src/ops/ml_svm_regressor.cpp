// ai.onnx.ml.SVMRegressor: sum of coefficients * kernel(X, support vector) + rho; without support vectors kernel(X,
// coefficients) + rho. one_class gives the sign.
#include "ops/ml_svm.h"

namespace oriel::ops {
SvmRegressor::SvmRegressor(const Attributes& a)
    : kernel(SvmKernel::read(a)),
      coefficients(floats_of(a, "coefficients")),
      vectors(floats_of(a, "support_vectors")),
      rho(floats_of(a, "rho")),
      supports(a.get_int("n_supports")),
      one_class(a.get_bool("one_class")),
      transform(post_transform_of(a.get_string("post_transform"))) {
  if (rho.size() != 1) fail(ErrorCode::kInvalidGraph, "attribute rho has {} values, expected 1", rho.size());
}

void SvmRegressor::check(std::int64_t features) const {
  if (supports > 0) {
    ORIEL_REQUIRE(static_cast<std::int64_t>(coefficients.size()) == supports &&
                      vectors.size() == coefficients.size() * static_cast<std::size_t>(features),
                  "{} coefficients and {} values of support vectors for {} vectors of {} features", coefficients.size(),
                  vectors.size(), supports, features);
  } else {
    ORIEL_REQUIRE(static_cast<std::int64_t>(coefficients.size()) == features, "{} coefficients for {} features",
                  coefficients.size(), features);
  }
}

float SvmRegressor::finish(double sum, std::vector<double>& scores) const {
  scores.assign(1, one_class ? (sum > 0 ? 1.0 : -1.0) : sum);
  if (!one_class) finish_scores(scores, transform, SecondClass::kNone);
  return static_cast<float>(scores[0]);
}

namespace {

void infer(InferContext& c) {
  check_ml_features(c);
  const SvmRegressor m(c.attributes());
  c.set(0, ElementType::kF32, Shape{ml_rows(c), Dim(1)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const SvmRegressor m(inputs.attributes());
  m.check(shape.features);
  float* y = outputs.allocate(0, ElementType::kF32, {shape.rows, 1}).data<float>();
  std::vector<double> row;
  std::vector<double> scores;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    double sum = m.rho[0];
    if (m.supports > 0) {
      for (std::int64_t s = 0; s < m.supports; ++s) {
        sum += m.coefficients[static_cast<std::size_t>(s)] *
               m.kernel(row.data(), m.vectors.data() + s * shape.features, shape.features);
      }
    } else {
      SvmKernel linear = m.kernel;
      linear.kind = SvmKernel::Kind::kLinear;
      sum += linear(row.data(), m.coefficients.data(), shape.features);
    }
    y[n] = m.finish(sum, scores);
  }
}

}  // namespace

OpDef op_ml_svm_regressor() {
  std::vector<AttributeDef> attributes = svm_attributes();
  attributes.push_back({"n_supports", std::int64_t{0}});
  attributes.push_back({"one_class", std::int64_t{0}});
  return {.name = "SVMRegressor",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
