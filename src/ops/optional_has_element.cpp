// OptionalHasElement: whether there is an operand that is no empty optional, as a bool scalar.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) { c.set(0, ElementType::kBool, Shape()); }

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  *outputs.allocate(0, ElementType::kBool, {}).data<bool>() = inputs.has(0);
}

}  // namespace

OpDef op_optional_has_element() {
  return {.name = "OptionalHasElement", .min_inputs = 0, .max_inputs = 1, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
