// Min: the least of one or more operands with broadcasting; NaN where one of them is NaN.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_variadic(c);
  infer_variadic_content(c, [](const Dim& a, const Dim& b) { return min(a, b); });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_variadic(
      inputs, outputs, context, [](auto a, auto b) { return a < b || a != a ? a : b; }, [](auto x) { return x; });
}

}  // namespace

OpDef op_min() { return {.name = "Min", .min_inputs = 1, .max_inputs = -1, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
