// ReduceSum: the sum over axes; 0 over none. Integers wrap around.
// Importers removed: the axes as an attribute of versions 1 to 12.
#include "ops/reduce.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_reduce(c);
  infer_reduce_content(c, [](const Dim& a, const Dim& b) { return a + b; });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_reduce<T>(
        inputs, outputs, context, Wide<T>(0), [](Wide<T> a, Wide<T> x) { return wrapping_add(a, x); },
        [](Wide<T> a, std::int64_t) { return narrow<T>(a); });
  });
}

}  // namespace

OpDef op_reduce_sum() { return reduce_definition("ReduceSum", infer, reference); }

}  // namespace oriel::ops
