// LayerNormalization: (x - mean) / sqrt(variance + epsilon) * Scale + B, with moments over the axes from `axis` on;
// further outputs are the mean and 1 / sqrt(variance + epsilon) in stash_type.
#include "ops/broadcast_to.h"
#include "ops/norm.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  Shape rows = c.shape(0);
  if (rows.is_ranked()) {
    const std::int64_t axis = normalize_axis(c.attributes().get_int("axis"), rows.rank());
    for (auto i = static_cast<std::size_t>(axis); i < rows.rank(); ++i) rows[i] = 1;
  }
  infer_same(c);
  for (std::size_t i = 1; i < c.num_outputs(); ++i) c.set(i, c.attributes().get_element_type("stash_type"), rows);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& scale = inputs[1];
  const Tensor bias = inputs.has(2) ? inputs[2] : Tensor();
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), x.rank()));
  const double epsilon = inputs.attributes().get_float("epsilon");
  const ElementType stash = inputs.attributes().get_element_type("stash_type");
  require_broadcasts_to(scale.dims(), x.dims(), "a scale");
  const Dims scale_strides = broadcast_strides(scale.dims(), x.dims());
  Dims bias_strides(x.rank(), 0);
  if (bias.defined()) {
    require_broadcasts_to(bias.dims(), x.dims(), "a bias");
    bias_strides = broadcast_strides(bias.dims(), x.dims());
  }
  std::int64_t count = 1;
  std::int64_t rows = 1;
  Dims row_dims = x.dims();
  for (std::size_t d = 0; d < x.rank(); ++d) {
    (d < axis ? rows : count) *= x.dim(d);
    if (d >= axis) row_dims[d] = 1;
  }
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  Tensor* mean = outputs.size() > 1 && outputs.wanted(1) ? &outputs.allocate(1, stash, row_dims) : nullptr;
  Tensor* inverse = outputs.size() > 2 && outputs.wanted(2) ? &outputs.allocate(2, stash, row_dims) : nullptr;
  dispatch_float(x.type(), [&]<typename T>() {
    Dims index(x.rank(), 0);
    for (std::int64_t row = 0; row < rows; ++row) {
      context.check();
      const T* in = x.data<T>() + row * count;
      T* y = out.data<T>() + row * count;
      const Moments m = moments(count, [&](std::int64_t i) { return widen(in[i]); });
      const double factor = 1.0 / std::sqrt(m.variance + epsilon);
      if (mean != nullptr) store_element(*mean, row, m.mean);
      if (inverse != nullptr) store_element(*inverse, row, factor);
      for (std::int64_t i = 0; i < count; ++i, advance(index, x.dims())) {
        const double shift = bias.defined() ? element_as_f64(bias, ravel(index, bias_strides)) : 0.0;
        y[i] = narrow<T>((widen(in[i]) - m.mean) * factor * element_as_f64(scale, ravel(index, scale_strides)) + shift);
      }
    }
  });
}

}  // namespace

OpDef op_layer_normalization() {
  return {.name = "LayerNormalization",
          .min_inputs = 2,
          .max_inputs = 3,
          .max_outputs = 3,
          .attributes = {{"axis", std::int64_t{-1}}, {"epsilon", 1e-5F}, {"stash_type", ElementType::kF32}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
