// Atanh: the inverse hyperbolic tangent; NaN outside [-1, 1].
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return std::atanh(x); });
}

}  // namespace

OpDef op_atanh() {
  return {.name = "Atanh", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
