// Div: a / b with broadcasting. Integers round towards zero; divided by zero they give zero.
// Importers removed: the axis and broadcast attributes of versions 1 and 6.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_binary(c);
  infer_binary_content(c, [](const Dim& a, const Dim& b) {
    if (a.is_known() && b.is_known()) return Dim(divide(a.value(), b.value()));
    return a.min() >= 0 && b.min() > 0 ? floor_div(a, b) : Dim::unknown();
  });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_binary<T>(inputs, outputs, context, [](auto a, auto b) { return divide(a, b); });
  });
}

}  // namespace

OpDef op_div() { return {.name = "Div", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
