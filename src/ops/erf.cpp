// Erf: the error function, 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return std::erf(x); });
}

}  // namespace

OpDef op_erf() {
  return {.name = "Erf", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
