// Momentum: with g = norm_coefficient x + G: V becomes alpha V + beta g (beta is 1 where T is 0), and x becomes x - R V
// or, in mode "nesterov", x - R (g + alpha V).
#include "ops/optimizer.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const std::string& mode = c.attributes().get_string("mode");
  if (mode != "standard" && mode != "nesterov") {
    fail(ErrorCode::kInvalidGraph, "attribute mode is \"{}\", expected standard or nesterov", mode);
  }
  infer_optimizer(c, 1);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  const double beta = inputs.attributes().get_float("beta");
  const double norm = inputs.attributes().get_float("norm_coefficient");
  const bool nesterov = inputs.attributes().get_string("mode") == "nesterov";
  reference_optimizer(inputs, outputs, context, 1, [&](double rate, double step, double* v) {
    const double g = norm * v[0] + v[1];
    v[2] = alpha * v[2] + (step > 0 ? beta : 1.0) * g;
    v[0] -= rate * (nesterov ? g + alpha * v[2] : v[2]);
  });
}

}  // namespace

OpDef op_preview_training_momentum() {
  const auto required = AttributeDef::Need::kRequired;
  return {.name = "Momentum",
          .domain = "ai.onnx.preview.training",
          .min_inputs = 3,
          .max_inputs = -1,
          .max_outputs = -1,
          .attributes = {{"alpha", 0.0F, required},
                         {"beta", 0.0F, required},
                         {"mode", std::string(), required},
                         {"norm_coefficient", 0.0F, required}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
