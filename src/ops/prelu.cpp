// PRelu: x where x >= 0, else slope * x; the slope broadcasts to x.
// Importers removed: slopes of versions 1 and 6, one a channel (they reshape them to [C, 1, ...]).
#include "ops/broadcast_to.h"
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  require_same_element(c, 0, 1);
  const Shape& x = c.shape(0);
  const Shape& slope = c.shape(1);
  if (!may_broadcast_to(slope, x)) {
    fail(ErrorCode::kInvalidGraph, "a slope of shape {} does not broadcast to {}", slope.to_string(), x.to_string());
  }
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  require_broadcasts_to(inputs[1].dims(), inputs[0].dims(), "a slope");
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_binary<T>(inputs, outputs, context,
                        [](auto x, auto slope) { return x < 0 ? wrapping_multiply(x, slope) : x; });
  });
}

}  // namespace

OpDef op_prelu() { return {.name = "PRelu", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
