// Sub: a - b with broadcasting. Integers wrap around.
// Importers removed: the axis and broadcast attributes of versions 1 and 6.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_binary(c);
  infer_binary_content(c, [](const Dim& a, const Dim& b) { return a - b; });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_binary<T>(inputs, outputs, context, [](auto a, auto b) { return wrapping_subtract(a, b); });
  });
}

}  // namespace

OpDef op_sub() { return {.name = "Sub", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
