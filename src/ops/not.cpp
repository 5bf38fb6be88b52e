// Not: the logical negation of a bool.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kBool});
  infer_same(c);
  infer_unary_content(c, [](const Dim& x) { return x.is_known() ? Dim(x.value() == 0 ? 1 : 0) : Dim::unknown(); });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_unary<bool>(inputs, outputs, context, [](bool x) { return !x; });
}

}  // namespace

OpDef op_not() { return {.name = "Not", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
