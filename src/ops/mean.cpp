// Mean: the arithmetic mean of one or more operands with broadcasting; integers round towards zero.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const std::size_t count = inputs.size();
  reference_variadic(
      inputs, outputs, context, [](auto a, auto b) { return wrapping_add(a, b); },
      [count](auto x) { return x / static_cast<decltype(x)>(count); });
}

}  // namespace

OpDef op_mean() {
  return {.name = "Mean", .min_inputs = 1, .max_inputs = -1, .infer = infer_variadic, .reference = reference};
}

}  // namespace oriel::ops
