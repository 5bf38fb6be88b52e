// HardSwish: x * max(0, min(1, x / 6 + 1 / 2)).
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return x * std::max(0.0, std::min(1.0, x / 6.0 + 0.5)); });
}

}  // namespace

OpDef op_hard_swish() {
  return {.name = "HardSwish", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
