// ai.onnx.ml.Binarizer: 1 where X > threshold, else 0, in the type of X.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kI64, ElementType::kI32});
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const double threshold = inputs.attributes().get_float("threshold");
  Tensor& y = outputs.allocate(0, x.type(), x.dims());
  for_each_element(x.size(), context,
                   [&](std::int64_t i) { store_element(y, i, element_as_f64(x, i) > threshold ? 1.0 : 0.0); });
}

}  // namespace

OpDef op_ml_binarizer() {
  return {.name = "Binarizer",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"threshold", 0.0F}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
