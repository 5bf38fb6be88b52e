// ReduceMin: the least element over axes, NaN where one is NaN; over none the greatest value of the type (infinity).
// Bools count as 0 and 1.
// Importers removed: the axes as an attribute of versions 1 to 17.
#include "ops/reduce.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  if (c.element(0) != ElementType::kBool) require_numeric(c, 0);
  infer_reduce(c);
  infer_reduce_content(c, [](const Dim& a, const Dim& b) { return min(a, b); });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric_or_bool(inputs[0].type(), [&]<typename T>() {
    using Limits = std::numeric_limits<Wide<T>>;
    const Wide<T> start = Limits::has_infinity ? Limits::infinity() : Limits::max();
    reference_reduce<T>(
        inputs, outputs, context, start, [](Wide<T> a, Wide<T> x) { return a < x || a != a ? a : x; },
        [](Wide<T> a, std::int64_t) { return narrow<T>(a); });
  });
}

}  // namespace

OpDef op_reduce_min() { return reduce_definition("ReduceMin", infer, reference); }

}  // namespace oriel::ops
