// ReduceSumSquare: the sum of squares over axes. Integers wrap around.
// Importers removed: the axes as an attribute of versions 1 to 17.
#include "ops/reduce.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_reduce(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_reduce<T>(
        inputs, outputs, context, Wide<T>(0),
        [](Wide<T> a, Wide<T> x) { return wrapping_add(a, wrapping_multiply(x, x)); },
        [](Wide<T> a, std::int64_t) { return narrow<T>(a); });
  });
}

}  // namespace

OpDef op_reduce_sum_square() { return reduce_definition("ReduceSumSquare", infer, reference); }

}  // namespace oriel::ops
