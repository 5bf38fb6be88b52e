// HardSigmoid: max(0, min(1, alpha * x + beta)).
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  const double beta = inputs.attributes().get_float("beta");
  reference_float(inputs, outputs, context, [&](double x) {
    const double y = alpha * x + beta;
    return y < 0 ? 0.0 : (y > 1 ? 1.0 : y);
  });
}

}  // namespace

OpDef op_hard_sigmoid() {
  return {.name = "HardSigmoid",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"alpha", 0.2F}, {"beta", 0.5F}},
          .infer = infer_float,
          .reference = reference};
}

}  // namespace oriel::ops
