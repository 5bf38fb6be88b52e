// OptionalGetElement: what an optional holds; any other value passes. An empty optional is an error.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const ValueType& type = c.type(0);
  c.set(0, type.kind == ValueType::Kind::kOptional && type.inner ? *type.inner : type);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  ORIEL_REQUIRE(inputs.has(0), "the optional is empty");
  outputs.set(0, inputs.datum(0));
}

}  // namespace

OpDef op_optional_get_element() {
  return {.name = "OptionalGetElement", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
