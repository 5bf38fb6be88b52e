// Swish: x * sigmoid(alpha * x).
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  reference_float(inputs, outputs, context, [&](double x) { return x / (1.0 + std::exp(-alpha * x)); });
}

}  // namespace

OpDef op_swish() {
  return {.name = "Swish",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"alpha", 1.0F}},
          .infer = infer_float,
          .reference = reference};
}

}  // namespace oriel::ops
