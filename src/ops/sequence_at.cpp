// SequenceAt: the item at a position.
#include "ops/sequence.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) { c.set(0, item_type(c, 0)); }

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  const Sequence& in = inputs.datum(0).sequence();
  const auto count = static_cast<std::int64_t>(in.items.size());
  outputs.set(0, in.items[static_cast<std::size_t>(position(inputs, 1, count, count - 1, 0))]);
}

}  // namespace

OpDef op_sequence_at() {
  return {.name = "SequenceAt", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
