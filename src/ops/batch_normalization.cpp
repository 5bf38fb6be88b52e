// BatchNormalization: scale * (x - mean) / sqrt(var + epsilon) + B for every channel; in training mode with the batch's
// own moments, and outputs running = running * momentum + batch * (1 - momentum). Importers removed: `spatial`,
// `is_test` and the saved moments of versions before 14.
#include "ops/norm.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& x = c.shape(0);
  Dim channels = Dim::unknown();
  if (x.is_ranked()) {
    if (x.rank() == 0) fail(ErrorCode::kInvalidGraph, "the input is a scalar");
    channels = x.rank() == 1 ? Dim(1) : x[1];
  }
  for (std::size_t i = 1; i < 5; ++i) {
    require_vector(c, i, channels);
    if (!channels.is_known() && c.shape(i).is_ranked()) channels = c.shape(i)[0];
  }
  if (c.num_outputs() > 1 && !c.attributes().get_bool("training_mode")) {
    fail(ErrorCode::kInvalidGraph, "{} outputs outside training mode", c.num_outputs());
  }
  Shape out = x;
  if (out.is_ranked() && out.rank() > 1 && !out[1].is_known()) out[1] = channels;
  c.set(0, c.element(0), std::move(out));
  for (std::size_t i = 1; i < c.num_outputs(); ++i) c.set(i, c.element(i + 2), Shape{channels});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() > 0, "the input is a scalar");
  const std::int64_t channels = x.rank() == 1 ? 1 : x.dim(1);
  const double epsilon = inputs.attributes().get_float("epsilon");
  const double momentum = inputs.attributes().get_float("momentum");
  const bool training = inputs.attributes().get_bool("training_mode");
  const std::vector<double> scale = read_parameter(inputs[1], channels);
  const std::vector<double> bias = read_parameter(inputs[2], channels);
  std::vector<double> mean = read_parameter(inputs[3], channels);
  std::vector<double> variance = read_parameter(inputs[4], channels);
  std::int64_t plane = 1;
  for (std::size_t d = 2; d < x.rank(); ++d) plane *= x.dim(d);
  const std::int64_t count = x.dim(0) * plane;
  const auto source = [&](std::int64_t c, std::int64_t i) { return (i / plane * channels + c) * plane + i % plane; };
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  dispatch_float(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* y = out.data<T>();
    for (std::int64_t c = 0; c < channels; ++c) {
      context.check();
      const auto at = static_cast<std::size_t>(c);
      double m = mean[at];
      double v = variance[at];
      if (training) {
        const Moments batch = moments(count, [&](std::int64_t i) { return widen(in[source(c, i)]); });
        m = batch.mean;
        v = batch.variance;
        mean[at] = mean[at] * momentum + m * (1.0 - momentum);
        variance[at] = variance[at] * momentum + v * (1.0 - momentum);
      }
      const double factor = scale[at] / std::sqrt(v + epsilon);
      for (std::int64_t i = 0; i < count; ++i)
        y[source(c, i)] = narrow<T>((widen(in[source(c, i)]) - m) * factor + bias[at]);
    }
  });
  for (std::size_t i = 1; i < outputs.size(); ++i) {
    if (!outputs.wanted(i)) continue;
    Tensor& running = outputs.allocate(i, inputs[i + 2].type(), {channels});
    const std::vector<double>& values = i == 1 ? mean : variance;
    for (std::int64_t c = 0; c < channels; ++c) store_element(running, c, values[static_cast<std::size_t>(c)]);
  }
}

}  // namespace

OpDef op_batch_normalization() {
  return {.name = "BatchNormalization",
          .min_inputs = 5,
          .max_inputs = 5,
          .max_outputs = 3,
          .attributes = {{"epsilon", 1e-5F}, {"momentum", 0.9F}, {"training_mode", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
