// Erf: the error function, 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x; integers truncate the result.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_unary<T>(inputs, outputs, context,
                       [](Wide<T> x) { return narrow_f64<Wide<T>>(std::erf(static_cast<double>(x))); });
  });
}

}  // namespace

OpDef op_erf() {
  return {.name = "Erf", .min_inputs = 1, .max_inputs = 1, .infer = infer_numeric, .reference = reference};
}

}  // namespace oriel::ops
