// Abs: |x|; the least integer wraps around to itself.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_numeric(c);
  infer_unary_content(c, [](const Dim& x) { return max(x, Dim(0) - x); });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_numeric(inputs, outputs, context, [](auto x) {
    if constexpr (std::is_floating_point_v<decltype(x)>) {
      return std::fabs(x);
    } else {
      return x < 0 ? wrapping_subtract(decltype(x)(0), x) : x;
    }
  });
}

}  // namespace

OpDef op_abs() { return {.name = "Abs", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
