// SoftmaxCrossEntropyLoss: -weight[label] * log_softmax(x)[label] over the classes of axis 1, for each sample, summed
// or averaged. Output 1 is log_softmax(x) = x - log(sum(exp(x))).
#include "ops/loss.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_loss(c);
  c.set(1, c.element(0), c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const LossLayout layout = LossLayout::read(inputs);
  // log(sum(exp(x))) of the classes that start there.
  const auto normalizer = [&](std::int64_t start) {
    double largest = -std::numeric_limits<double>::infinity();
    for (std::int64_t k = 0; k < layout.classes; ++k) {
      largest = std::max(largest, element_as_f64(x, start + k * layout.inner));
    }
    double sum = 0;
    for (std::int64_t k = 0; k < layout.classes; ++k) {
      sum += std::exp(element_as_f64(x, start + k * layout.inner) - largest);
    }
    return largest + std::log(sum);
  };
  reference_loss(inputs, outputs, context, layout, [&](std::int64_t start, std::int64_t label) {
    return element_as_f64(x, start + label * layout.inner) - normalizer(start);
  });
  if (!outputs.wanted(1)) return;
  Tensor& log_probabilities = outputs.allocate(1, x.type(), x.dims());
  for_each_element(layout.samples, context, [&](std::int64_t s) {
    const std::int64_t start = layout.start(s);
    const double offset = normalizer(start);
    for (std::int64_t k = 0; k < layout.classes; ++k) {
      const std::int64_t at = start + k * layout.inner;
      store_element(log_probabilities, at, element_as_f64(x, at) - offset);
    }
  });
}

}  // namespace

OpDef op_softmax_cross_entropy_loss() {
  return {.name = "SoftmaxCrossEntropyLoss",
          .min_inputs = 2,
          .max_inputs = 3,
          .max_outputs = 2,
          .attributes = loss_attributes(),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
