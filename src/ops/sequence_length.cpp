// SequenceLength: the number of items, as an i64 scalar.
#include "ops/sequence.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  item_type(c, 0);
  c.set(0, ElementType::kI64, Shape());
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  *outputs.allocate(0, ElementType::kI64, {}).data<std::int64_t>() =
      static_cast<std::int64_t>(inputs.datum(0).sequence().items.size());
}

}  // namespace

OpDef op_sequence_length() {
  return {.name = "SequenceLength", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
