// Optional: the operand as an optional, or an empty optional of the type `type` where there is none.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  if (c.has_input(0)) {
    c.set(0, ValueType::optional(c.type(0)));
    return;
  }
  if (!c.attributes().has("type")) fail(ErrorCode::kInvalidGraph, "neither an input nor the attribute type is given");
  c.set(0, ValueType::optional(c.attributes().get_type("type")));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  outputs.set(0, inputs.has(0) ? inputs.datum(0) : Datum());
}

}  // namespace

OpDef op_optional() {
  return {.name = "Optional",
          .min_inputs = 0,
          .max_inputs = 1,
          .attributes = {{"type", ValueType(), AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
