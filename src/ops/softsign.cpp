// Softsign: x / (1 + |x|).
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return x / (1.0 + std::fabs(x)); });
}

}  // namespace

OpDef op_softsign() {
  return {.name = "Softsign", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
