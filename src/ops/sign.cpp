// Sign: -1, 0 or 1 as x is below, at or above zero; NaN stays NaN.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_numeric(c);
  infer_unary_content(c, [](const Dim& x) {
    if (x.is_known()) return Dim((x.value() > 0) - (x.value() < 0));
    return x.min() > 0 ? Dim(1) : Dim::unknown();
  });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_numeric(inputs, outputs, context,
                    [](auto x) { return x != x ? x : static_cast<decltype(x)>((x > 0) - (x < 0)); });
}

}  // namespace

OpDef op_sign() { return {.name = "Sign", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
