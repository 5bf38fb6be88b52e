// BitCast: the same bits under another element type of the same width.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void require_same_width(ElementType from, ElementType to) {
  if (from == ElementType::kString || to == ElementType::kString || to == ElementType::kUndefined ||
      element_bits(from) != element_bits(to)) {
    fail(ErrorCode::kInvalidGraph, "the bits of {} are no {}", element_name(from), element_name(to));
  }
}

void infer(InferContext& c) {
  const ElementType to = c.attributes().get_element_type("to");
  require_same_width(c.element(0), to);
  c.set(0, to, c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  const Tensor& x = inputs[0];
  const ElementType to = inputs.attributes().get_element_type("to");
  require_same_width(x.type(), to);
  Tensor& out = outputs.allocate(0, to, x.dims());
  if (x.size() > 0) std::memcpy(out.raw(), x.raw(), x.bytes());
}

}  // namespace

OpDef op_bit_cast() {
  return {.name = "BitCast",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"to", ElementType::kF32, AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
