// Shrink: x + bias where x < -lambd, x - bias where x > lambd, else 0; integers truncate.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double bias = inputs.attributes().get_float("bias");
  const double lambd = inputs.attributes().get_float("lambd");
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_unary<T>(inputs, outputs, context, [&](auto wide) {
      const auto x = static_cast<double>(wide);
      return narrow_f64<T>(x < -lambd ? x + bias : x > lambd ? x - bias : 0.0);
    });
  });
}

}  // namespace

OpDef op_shrink() {
  return {.name = "Shrink",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"bias", 0.0F}, {"lambd", 0.5F}},
          .infer = infer_numeric,
          .reference = reference};
}

}  // namespace oriel::ops
