// Gelu: x / 2 * (1 + erf(x / sqrt(2))), or with approximate = tanh x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 *
// x^3))).
#include <numbers>

#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

bool by_tanh(const Attributes& attributes) {
  const std::string& mode = attributes.get_string("approximate");
  if (mode != "none" && mode != "tanh") {
    fail(ErrorCode::kInvalidGraph, "approximate is \"{}\", expected none or tanh", mode);
  }
  return mode == "tanh";
}

void infer(InferContext& c) {
  by_tanh(c.attributes());
  infer_float(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  if (by_tanh(inputs.attributes())) {
    const double scale = std::sqrt(2.0 / std::numbers::pi);
    reference_float(inputs, outputs, context,
                    [scale](double x) { return 0.5 * x * (1.0 + std::tanh(scale * (x + 0.044715 * x * x * x))); });
  } else {
    reference_float(inputs, outputs, context, [](double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); });
  }
}

}  // namespace

OpDef op_gelu() {
  return {.name = "Gelu",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"approximate", std::string("none")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
