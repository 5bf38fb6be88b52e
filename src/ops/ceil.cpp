// Ceil: the smallest integer not below x.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return std::ceil(x); });
}

}  // namespace

OpDef op_ceil() {
  return {.name = "Ceil", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
