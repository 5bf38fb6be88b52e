// ThresholdedRelu: x where x > alpha, else 0, for NaN too.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  reference_float(inputs, outputs, context, [&](double x) { return x > alpha ? x : 0.0; });
}

}  // namespace

OpDef op_thresholded_relu() {
  return {.name = "ThresholdedRelu",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"alpha", 1.0F}},
          .infer = infer_float,
          .reference = reference};
}

}  // namespace oriel::ops
