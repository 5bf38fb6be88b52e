// BitwiseNot: an integer with all bits flipped.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_integer(c, 0);
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_integer(inputs[0].type(),
                   [&]<typename T>() { reference_unary<T>(inputs, outputs, context, [](auto x) { return ~x; }); });
}

}  // namespace

OpDef op_bitwise_not() {
  return {.name = "BitwiseNot", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
