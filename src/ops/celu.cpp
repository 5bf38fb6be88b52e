// Celu: max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  reference_float(inputs, outputs, context, [&](double x) { return x < 0 ? alpha * std::expm1(x / alpha) : x; });
}

}  // namespace

OpDef op_celu() {
  return {.name = "Celu",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"alpha", 1.0F}},
          .infer = infer_float,
          .reference = reference};
}

}  // namespace oriel::ops
