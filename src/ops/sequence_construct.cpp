// SequenceConstruct: a sequence of the operands.
#include "ops/control_flow.h"
#include "ops/sequence.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  c.element(0);
  ValueType item = c.type(0);
  for (std::size_t i = 1; i < c.num_inputs(); ++i) {
    c.element(i);
    item = merge_types(item, c.type(i));
  }
  c.set(0, ValueType::sequence(std::move(item)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  auto sequence = std::make_shared<Sequence>();
  sequence->element = inputs[0].type();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ORIEL_REQUIRE(inputs[i].type() == sequence->element, "input {} is {}, expected {}", i, inputs[i].description(),
                  element_name(sequence->element));
    sequence->items.push_back(as_item(inputs[i], context));
  }
  outputs.set(0, Datum(std::shared_ptr<const Sequence>(std::move(sequence))));
}

}  // namespace

OpDef op_sequence_construct() {
  return {.name = "SequenceConstruct", .min_inputs = 1, .max_inputs = -1, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
