// Mish: x * tanh(softplus(x)), softplus(x) = log(1 + exp(x)).
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) {
    const double softplus = std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
    return x * std::tanh(softplus);
  });
}

}  // namespace

OpDef op_mish() {
  return {.name = "Mish", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
