// Adam: with g = norm_coefficient x + G: V becomes alpha V + (1 - alpha) g, H becomes beta H + (1 - beta) g^2, x
// becomes (1 - norm_coefficient_post) (x - r V / (sqrt(H) + epsilon)), r = R sqrt(1 - beta^T) / (1 - alpha^T), or R
// where T is 0.
#include "ops/optimizer.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) { infer_optimizer(c, 2); }

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double alpha = inputs.attributes().get_float("alpha");
  const double beta = inputs.attributes().get_float("beta");
  const double epsilon = inputs.attributes().get_float("epsilon");
  const double norm = inputs.attributes().get_float("norm_coefficient");
  const double post = inputs.attributes().get_float("norm_coefficient_post");
  reference_optimizer(inputs, outputs, context, 2, [&](double rate, double step, double* v) {
    const double g = norm * v[0] + v[1];
    v[2] = alpha * v[2] + (1.0 - alpha) * g;
    v[3] = beta * v[3] + (1.0 - beta) * g * g;
    const double adjusted =
        step > 0 ? rate * std::sqrt(1.0 - std::pow(beta, step)) / (1.0 - std::pow(alpha, step)) : rate;
    v[0] = (1.0 - post) * (v[0] - adjusted * v[2] / (std::sqrt(v[3]) + epsilon));
  });
}

}  // namespace

OpDef op_preview_training_adam() {
  return {.name = "Adam",
          .domain = "ai.onnx.preview.training",
          .min_inputs = 3,
          .max_inputs = -1,
          .max_outputs = -1,
          .attributes = {{"alpha", 0.9F},
                         {"beta", 0.999F},
                         {"epsilon", 1e-6F},
                         {"norm_coefficient", 0.0F},
                         {"norm_coefficient_post", 0.0F}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
