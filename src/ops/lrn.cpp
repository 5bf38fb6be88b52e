// LRN: x / (bias + alpha / size * s)^beta, where s is the sum of squares over `size` neighbouring channels.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& x = c.shape(0);
  if (x.is_ranked() && x.rank() < 2)
    fail(ErrorCode::kInvalidGraph, "input of shape {}, expected a rank of 2 or more", x.to_string());
  if (c.attributes().get_int("size") < 1)
    fail(ErrorCode::kInvalidGraph, "attribute size is {}", c.attributes().get_int("size"));
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() >= 2, "input of shape {}, expected a rank of 2 or more", to_string(x.dims()));
  const double alpha = inputs.attributes().get_float("alpha");
  const double beta = inputs.attributes().get_float("beta");
  const double bias = inputs.attributes().get_float("bias");
  const std::int64_t size = inputs.attributes().get_int("size");
  ORIEL_REQUIRE(size >= 1, "attribute size is {}", size);
  const std::int64_t channels = x.dim(1);
  const std::int64_t before = std::min((size - 1) / 2, channels);
  const std::int64_t after = std::min(size - 1 - (size - 1) / 2, channels);
  const std::int64_t plane = count_elements(Dims(x.dims().begin() + 2, x.dims().end()));
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  dispatch_float(x.type(), [&]<typename T>() {
    for (std::int64_t n = 0; n < x.dim(0); ++n) {
      const T* image = x.data<T>() + n * channels * plane;
      T* y = out.data<T>() + n * channels * plane;
      for (std::int64_t c = 0; c < channels; ++c) {
        context.check();
        for (std::int64_t i = 0; i < plane; ++i) {
          double sum = 0;
          for (std::int64_t k = std::max<std::int64_t>(0, c - before); k <= std::min(channels - 1, c + after); ++k) {
            sum += widen(image[k * plane + i]) * widen(image[k * plane + i]);
          }
          y[c * plane + i] =
              narrow<T>(widen(image[c * plane + i]) / std::pow(bias + alpha / static_cast<double>(size) * sum, beta));
        }
      }
    }
  });
}

}  // namespace

OpDef op_lrn() {
  return {.name = "LRN",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"alpha", 1e-4F},
                         {"beta", 0.75F},
                         {"bias", 1.0F},
                         {"size", std::int64_t{0}, AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
