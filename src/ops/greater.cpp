// Greater: a > b with broadcasting, as bool; false where an operand is NaN.
// Importers removed: the axis and broadcast attributes of version 1.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_binary(c, ElementType::kBool);
  infer_binary_content(c, [](const Dim& a, const Dim& b) {
    if (a.min() > b.max()) return Dim(1);
    return a.max() <= b.min() ? Dim(0) : Dim::unknown();
  });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_binary_to<T, bool>(inputs, outputs, context, [](auto a, auto b) { return a > b; });
  });
}

}  // namespace

OpDef op_greater() {
  return {.name = "Greater", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
