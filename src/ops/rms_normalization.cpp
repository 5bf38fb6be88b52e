// RMSNormalization: x / sqrt(mean(x^2) + epsilon) * scale, with the mean over the axes from `axis` on.
#include "ops/broadcast_to.h"
#include "ops/norm.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  if (c.shape(0).is_ranked()) normalize_axis(c.attributes().get_int("axis"), c.shape(0).rank());
  c.set(0, c.element(1), c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& scale = inputs[1];
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), x.rank()));
  const double epsilon = inputs.attributes().get_float("epsilon");
  require_broadcasts_to(scale.dims(), x.dims(), "a scale");
  const Dims scale_strides = broadcast_strides(scale.dims(), x.dims());
  Tensor& out = outputs.allocate(0, scale.type(), x.dims());
  if (x.size() == 0) return;
  const std::int64_t count = count_elements(Dims(x.dims().begin() + static_cast<std::ptrdiff_t>(axis), x.dims().end()));
  dispatch_float(x.type(), [&]<typename T>() {
    dispatch_float(scale.type(), [&]<typename V>() {
      const V* factors = scale.data<V>();
      Dims index(x.rank(), 0);
      for (std::int64_t row = 0; row < x.size() / count; ++row) {
        context.check();
        const T* in = x.data<T>() + row * count;
        V* y = out.data<V>() + row * count;
        double sum = 0;
        for (std::int64_t i = 0; i < count; ++i) sum += widen(in[i]) * widen(in[i]);
        const double inverse = 1.0 / std::sqrt(sum / static_cast<double>(count) + epsilon);
        for (std::int64_t i = 0; i < count; ++i, advance(index, x.dims())) {
          y[i] = narrow<V>(widen(in[i]) * inverse * widen(factors[ravel(index, scale_strides)]));
        }
      }
    });
  });
}

}  // namespace

OpDef op_rms_normalization() {
  return {.name = "RMSNormalization",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"axis", std::int64_t{-1}}, {"epsilon", 1e-5F}, {"stash_type", ElementType::kF32}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
