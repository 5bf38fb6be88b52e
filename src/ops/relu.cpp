// Relu: max(x, 0); NaN stays NaN.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_unary<T>(inputs, outputs, context, [](auto x) { return x < 0 ? decltype(x)(0) : x; });
  });
}

}  // namespace

OpDef op_relu() {
  return {.name = "Relu", .min_inputs = 1, .max_inputs = 1, .infer = infer_same, .reference = reference};
}

}  // namespace oriel::ops
