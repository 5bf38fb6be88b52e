// SequenceErase: a sequence without the item at the position (the last one without one).
#include "ops/sequence.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) { c.set(0, ValueType::sequence(item_type(c, 0))); }

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  const Sequence& in = inputs.datum(0).sequence();
  const auto count = static_cast<std::int64_t>(in.items.size());
  auto out = std::make_shared<Sequence>(in);
  out->items.erase(out->items.begin() + position(inputs, 1, count, count - 1, -1));
  outputs.set(0, Datum(std::shared_ptr<const Sequence>(std::move(out))));
}

}  // namespace

OpDef op_sequence_erase() {
  return {.name = "SequenceErase", .min_inputs = 1, .max_inputs = 2, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
