// Elu: x where x >= 0, else alpha * (exp(x) - 1).
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  reference_float(inputs, outputs, context, [&](double x) { return x < 0 ? alpha * std::expm1(x) : x; });
}

}  // namespace

OpDef op_elu() {
  return {.name = "Elu",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"alpha", 1.0F}},
          .infer = infer_float,
          .reference = reference};
}

}  // namespace oriel::ops
