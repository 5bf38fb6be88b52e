// ai.onnx.ml.FeatureVectorizer: inputs as f32 joined along the second axis, each cut or filled with zeros to its
// inputdimensions. A vector is one row.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

void check_widths(const std::vector<std::int64_t>& widths, std::size_t inputs) {
  if (widths.size() != inputs)
    fail(ErrorCode::kInvalidGraph, "attribute inputdimensions has {} values for {} inputs", widths.size(), inputs);
  for (const std::int64_t w : widths) {
    if (w < 0 || w > (std::int64_t{1} << 32))
      fail(ErrorCode::kInvalidGraph, "attribute inputdimensions has the value {}", w);
  }
}

void infer(InferContext& c) {
  const std::vector<std::int64_t>& widths = c.attributes().get_ints("inputdimensions");
  check_widths(widths, c.num_inputs());
  Dim total = 0;
  for (std::size_t i = 0; i < c.num_inputs(); ++i) {
    require_element(c, i, {ElementType::kI32, ElementType::kI64, ElementType::kF32, ElementType::kF64});
    total = total + Dim(widths[i]);
  }
  check_ml_features(c);
  c.set(0, ElementType::kF32, Shape{ml_rows(c), total});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const std::vector<std::int64_t>& widths = inputs.attributes().get_ints("inputdimensions");
  check_widths(widths, inputs.size());
  const std::int64_t rows = MlRows(inputs[0]).rows;
  std::int64_t total = 0;
  for (const std::int64_t w : widths) total += w;
  Tensor& y = outputs.allocate(0, ElementType::kF32, {rows, total});
  fill_zero(y);
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    context.check();
    const MlRows shape(inputs[i]);
    ORIEL_REQUIRE(shape.rows == rows, "input {} has {} rows, expected {}", i, shape.rows, rows);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t f = 0; f < std::min(shape.features, widths[i]); ++f) {
        y.data<float>()[r * total + begin + f] = static_cast<float>(element_as_f64(inputs[i], r * shape.features + f));
      }
    }
    begin += widths[i];
  }
}

}  // namespace

OpDef op_ml_feature_vectorizer() {
  return {.name = "FeatureVectorizer",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = -1,
          .attributes = {{"inputdimensions", std::vector<std::int64_t>{}, AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
