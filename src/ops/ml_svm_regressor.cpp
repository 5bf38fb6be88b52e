// ai.onnx.ml.SVMRegressor: sum of coefficients * kernel(X, support vector) + rho; without support vectors kernel(X,
// coefficients) + rho. one_class gives the sign.
#include "ops/ml_svm.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  check_ml_features(c);
  SvmKernel::read(c.attributes());
  post_transform_of(c.attributes().get_string("post_transform"));
  c.set(0, ElementType::kF32, Shape{ml_rows(c), Dim(1)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const Attributes& attributes = inputs.attributes();
  const SvmKernel kernel = SvmKernel::read(attributes);
  const std::vector<float> coefficients = floats_of(attributes, "coefficients");
  const std::vector<float> vectors = floats_of(attributes, "support_vectors");
  const std::vector<float> rho = floats_of(attributes, "rho");
  const std::int64_t supports = attributes.get_int("n_supports");
  const bool one_class = attributes.get_bool("one_class");
  const PostTransform transform = post_transform_of(attributes.get_string("post_transform"));
  ORIEL_REQUIRE(rho.size() == 1, "attribute rho has {} values, expected 1", rho.size());
  if (supports > 0) {
    ORIEL_REQUIRE(static_cast<std::int64_t>(coefficients.size()) == supports &&
                      vectors.size() == coefficients.size() * static_cast<std::size_t>(shape.features),
                  "{} coefficients and {} values of support vectors for {} vectors of {} features", coefficients.size(),
                  vectors.size(), supports, shape.features);
  } else {
    ORIEL_REQUIRE(static_cast<std::int64_t>(coefficients.size()) == shape.features, "{} coefficients for {} features",
                  coefficients.size(), shape.features);
  }
  float* y = outputs.allocate(0, ElementType::kF32, {shape.rows, 1}).data<float>();
  std::vector<double> row;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    double sum = rho[0];
    if (supports > 0) {
      for (std::int64_t s = 0; s < supports; ++s) {
        sum += coefficients[static_cast<std::size_t>(s)] *
               kernel(row.data(), vectors.data() + s * shape.features, shape.features);
      }
    } else {
      SvmKernel linear = kernel;
      linear.kind = SvmKernel::Kind::kLinear;
      sum += linear(row.data(), coefficients.data(), shape.features);
    }
    std::vector<double> scores{one_class ? (sum > 0 ? 1.0 : -1.0) : sum};
    if (!one_class) finish_scores(scores, transform, SecondClass::kNone);
    y[n] = static_cast<float>(scores[0]);
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
