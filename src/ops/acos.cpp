// Acos: the inverse cosine in radians; NaN outside [-1, 1].
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return std::acos(x); });
}

}  // namespace

OpDef op_acos() {
  return {.name = "Acos", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
