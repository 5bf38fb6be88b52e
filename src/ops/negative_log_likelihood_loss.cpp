// NegativeLogLikelihoodLoss: -weight[label] * x[label] of log probabilities x, for each sample, summed or averaged.
#include "ops/loss.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const LossLayout layout = LossLayout::read(inputs);
  reference_loss(inputs, outputs, context, layout, [&](std::int64_t start, std::int64_t label) {
    return element_as_f64(inputs[0], start + label * layout.inner);
  });
}

}  // namespace

OpDef op_negative_log_likelihood_loss() {
  return {.name = "NegativeLogLikelihoodLoss",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = loss_attributes(),
          .infer = infer_loss,
          .reference = reference};
}

}  // namespace oriel::ops
