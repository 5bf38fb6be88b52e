// ReduceProd: the product over axes; 1 over none. Integers wrap around.
// Importers removed: the axes as an attribute of versions 1 to 17.
#include "ops/reduce.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_reduce(c);
  infer_reduce_content(c, [](const Dim& a, const Dim& b) { return a * b; });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_reduce<T>(
        inputs, outputs, context, Wide<T>(1), [](Wide<T> a, Wide<T> x) { return wrapping_multiply(a, x); },
        [](Wide<T> a, std::int64_t) { return narrow<T>(a); });
  });
}

}  // namespace

OpDef op_reduce_prod() { return reduce_definition("ReduceProd", infer, reference); }

}  // namespace oriel::ops
