// Acosh: the inverse hyperbolic cosine; NaN below 1.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return std::acosh(x); });
}

}  // namespace

OpDef op_acosh() {
  return {.name = "Acosh", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
