// Log: the natural logarithm; minus infinity at zero, NaN below.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return std::log(x); });
}

}  // namespace

OpDef op_log() {
  return {.name = "Log", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
