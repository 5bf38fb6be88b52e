// Softplus: log(1 + exp(x)), written so that large x do not overflow.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context,
                  [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); });
}

}  // namespace

OpDef op_softplus() {
  return {.name = "Softplus", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
