// Adagrad: with g = norm_coefficient x + G and r = R / (1 + T decay_factor): H becomes H + g^2 and x becomes x - r g /
// (sqrt(H) + epsilon).
#include "ops/optimizer.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) { infer_optimizer(c, 1); }

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double decay = inputs.attributes().get_float("decay_factor");
  const double epsilon = inputs.attributes().get_float("epsilon");
  const double norm = inputs.attributes().get_float("norm_coefficient");
  reference_optimizer(inputs, outputs, context, 1, [&](double rate, double step, double* v) {
    const double g = norm * v[0] + v[1];
    v[2] += g * g;
    v[0] -= rate / (1.0 + step * decay) * g / (std::sqrt(v[2]) + epsilon);
  });
}

}  // namespace

OpDef op_preview_training_adagrad() {
  return {.name = "Adagrad",
          .domain = "ai.onnx.preview.training",
          .min_inputs = 3,
          .max_inputs = -1,
          .max_outputs = -1,
          .attributes = {{"decay_factor", 0.0F}, {"epsilon", 1e-6F}, {"norm_coefficient", 0.0F}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
