// SwiGLU: a * sigmoid(alpha * a) * b for two operands of one shape.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_float(c, 0);
  require_same_element(c, 0, 1);
  const Shape& a = c.shape(0);
  const Shape& b = c.shape(1);
  if (!a.is_ranked() || !b.is_ranked()) {
    c.set(0, c.element(0), a.is_ranked() ? a : b);
    return;
  }
  bool fits = a.rank() == b.rank();
  for (std::size_t i = 0; fits && i < a.rank(); ++i) fits = a[i].may_equal(b[i]);
  if (!fits) {
    fail(ErrorCode::kInvalidGraph, "operands of shapes {} and {}, expected the same", a.to_string(), b.to_string());
  }
  Shape out = a;
  for (std::size_t i = 0; i < a.rank(); ++i) out[i] = b[i].is_known() ? b[i] : a[i];
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  ORIEL_REQUIRE(inputs[0].dims() == inputs[1].dims(), "operands of shapes {} and {}, expected the same",
                to_string(inputs[0].dims()), to_string(inputs[1].dims()));
  dispatch_float(inputs[0].type(), [&]<typename T>() {
    reference_binary<T>(inputs, outputs, context,
                        [alpha](double a, double b) { return a / (1.0 + std::exp(-alpha * a)) * b; });
  });
}

}  // namespace

OpDef op_swi_glu() {
  return {.name = "SwiGLU",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"alpha", 1.0F}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
