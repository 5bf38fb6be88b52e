// Asin: the inverse sine in radians; NaN outside [-1, 1].
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return std::asin(x); });
}

}  // namespace

OpDef op_asin() {
  return {.name = "Asin", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
