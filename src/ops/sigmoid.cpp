// Sigmoid: 1 / (1 + exp(-x)).
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return 1.0 / (1.0 + std::exp(-x)); });
}

}  // namespace

OpDef op_sigmoid() {
  return {.name = "Sigmoid", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
