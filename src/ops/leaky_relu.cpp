// LeakyRelu: x where x >= 0, else alpha * x.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  reference_float(inputs, outputs, context, [&](double x) { return x < 0 ? alpha * x : x; });
}

}  // namespace

OpDef op_leaky_relu() {
  return {.name = "LeakyRelu",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"alpha", 0.01F}},
          .infer = infer_float,
          .reference = reference};
}

}  // namespace oriel::ops
