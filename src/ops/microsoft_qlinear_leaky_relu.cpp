// com.microsoft.QLinearLeakyRelu: Y = quantize(x >= 0 ? x : alpha * x) with x = dequantize(X).
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const float alpha = inputs.attributes().get_float("alpha");
  reference_qlinear_unary(inputs, outputs, context, [alpha](float x) { return x >= 0 ? x : alpha * x; });
}

}  // namespace

OpDef op_microsoft_qlinear_leaky_relu() {
  return {.name = "QLinearLeakyRelu",
          .domain = "com.microsoft",
          .min_inputs = 4,
          .max_inputs = 5,
          .attributes = {{"alpha", 0.01F}},
          .infer = infer_qlinear_unary,
          .reference = reference};
}

}  // namespace oriel::ops
