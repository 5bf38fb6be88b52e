// com.microsoft.QLinearSigmoid: Y = quantize(1 / (1 + exp(-dequantize(X)))).
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_qlinear_unary(inputs, outputs, context,
                          [](float x) { return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(x)))); });
}

}  // namespace

OpDef op_microsoft_qlinear_sigmoid() {
  return {.name = "QLinearSigmoid",
          .domain = "com.microsoft",
          .min_inputs = 4,
          .max_inputs = 5,
          .infer = infer_qlinear_unary,
          .reference = reference};
}

}  // namespace oriel::ops
