// ai.onnx.ml.Normalizer: every row divided by its norm: MAX the largest element, L1 the sum of magnitudes, L2 the root
// of the sum of squares. A row whose divisor is 0 stays.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

void check_norm(const std::string& norm) {
  if (norm != "MAX" && norm != "L1" && norm != "L2")
    fail(ErrorCode::kInvalidGraph, "attribute norm is \"{}\", expected MAX, L1 or L2", norm);
}

void infer(InferContext& c) {
  check_ml_features(c);
  check_norm(c.attributes().get_string("norm"));
  c.set(0, ElementType::kF32, c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const MlRows shape(x);
  const std::string& norm = inputs.attributes().get_string("norm");
  float* y = outputs.allocate(0, ElementType::kF32, x.dims()).data<float>();
  std::vector<double> row;
  for (std::int64_t n = 0; n < shape.rows; ++n) {
    context.check();
    read_ml_row(x, shape, n, row);
    double divisor = norm == "MAX" ? -std::numeric_limits<double>::infinity() : 0.0;
    for (const double v : row) {
      if (norm == "MAX") {
        divisor = std::max(divisor, v);
      } else {
        divisor += norm == "L1" ? std::fabs(v) : v * v;
      }
    }
    if (norm == "L2") divisor = std::sqrt(divisor);
    for (std::size_t i = 0; i < row.size(); ++i) *y++ = static_cast<float>(divisor == 0 ? row[i] : row[i] / divisor);
  }
}

}  // namespace

OpDef op_ml_normalizer() {
  return {.name = "Normalizer",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"norm", std::string("MAX")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
