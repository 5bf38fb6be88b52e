// BitwiseAnd: the and of the bits of two integers with broadcasting.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_integer(c, 0);
  infer_binary(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_integer(inputs[0].type(), [&]<typename T>() {
    reference_binary<T>(inputs, outputs, context, [](auto a, auto b) { return a & b; });
  });
}

}  // namespace

OpDef op_bitwise_and() {
  return {.name = "BitwiseAnd", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
