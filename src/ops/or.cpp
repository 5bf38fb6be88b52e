// Or: the logical or of two bools with broadcasting.
// Importers removed: the axis and broadcast attributes of version 1.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kBool});
  infer_binary(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_binary<bool>(inputs, outputs, context, [](bool a, bool b) { return a || b; });
}

}  // namespace

OpDef op_or() { return {.name = "Or", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
