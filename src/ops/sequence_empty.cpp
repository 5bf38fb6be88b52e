// SequenceEmpty: a sequence without items, of the element type `dtype`.
#include "ops/sequence.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  c.set(0, ValueType::sequence(ValueType(c.attributes().get_element_type("dtype"), Shape::unranked())));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  auto sequence = std::make_shared<Sequence>();
  sequence->element = inputs.attributes().get_element_type("dtype");
  outputs.set(0, Datum(std::shared_ptr<const Sequence>(std::move(sequence))));
}

}  // namespace

OpDef op_sequence_empty() {
  return {
      .name = "SequenceEmpty", .attributes = {{"dtype", ElementType::kF32}}, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
