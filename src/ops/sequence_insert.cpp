// SequenceInsert: a sequence with a tensor more, before the item at the position (at the end without one).
#include "ops/control_flow.h"
#include "ops/sequence.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  c.element(1);
  c.set(0, ValueType::sequence(merge_types(item_type(c, 0), c.type(1))));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Sequence& in = inputs.datum(0).sequence();
  ORIEL_REQUIRE(inputs[1].type() == in.element, "{} goes into a sequence of {}", inputs[1].description(),
                element_name(in.element));
  const auto count = static_cast<std::int64_t>(in.items.size());
  auto out = std::make_shared<Sequence>(in);
  out->items.insert(out->items.begin() + position(inputs, 2, count, count, count), as_item(inputs[1], context));
  outputs.set(0, Datum(std::shared_ptr<const Sequence>(std::move(out))));
}

}  // namespace

OpDef op_sequence_insert() {
  return {.name = "SequenceInsert", .min_inputs = 2, .max_inputs = 3, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
