// Size: the number of elements, as an i64 scalar.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  c.set(0, ElementType::kI64, Shape());
  c.set_content(0, {c.shape(0).elements()});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  *outputs.allocate(0, ElementType::kI64, {}).data<std::int64_t>() = inputs[0].size();
}

}  // namespace

OpDef op_size() { return {.name = "Size", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
