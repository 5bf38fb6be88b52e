// Selu: gamma * x where x > 0, else gamma * alpha * (exp(x) - 1).
// Importers removed: other defaults of version 1.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  const double gamma = inputs.attributes().get_float("gamma");
  reference_float(inputs, outputs, context, [&](double x) { return gamma * (x > 0 ? x : alpha * std::expm1(x)); });
}

}  // namespace

OpDef op_selu() {
  return {.name = "Selu",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"alpha", 1.67326319217681884765625F}, {"gamma", 1.05070102214813232421875F}},
          .infer = infer_float,
          .reference = reference};
}

}  // namespace oriel::ops
