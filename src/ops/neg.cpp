// Neg: -x; the least integer wraps around to itself.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_numeric(c);
  infer_unary_content(c, [](const Dim& x) { return Dim(0) - x; });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_numeric(inputs, outputs, context, [](auto x) { return wrapping_multiply(x, decltype(x)(-1)); });
}

}  // namespace

OpDef op_neg() { return {.name = "Neg", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
