// com.microsoft.QLinearGlobalAveragePool: Y = saturate(round_half_even(sum * (x_scale / (y_scale * size))) +
// y_zero_point), where sum is that of X - x_zero_point over the `size` elements of the spatial axes, and the factor is
// computed in f32.
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_qlinear_unary(c);
  Shape out = c.shape(0);
  if (!out.is_ranked()) return;
  if (out.rank() < 3) fail(ErrorCode::kInvalidGraph, "input of shape {}, expected rank 3 or more", out.to_string());
  const std::size_t first = c.attributes().get_bool("channels_last") ? 1 : 2;
  for (std::size_t i = 0; i + 2 < out.rank(); ++i) out[first + i] = 1;
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const QLinearParameters from(inputs, 1);
  const QLinearParameters to(inputs, 3);
  ORIEL_REQUIRE(x.rank() >= 3, "input of shape {}, expected rank 3 or more", to_string(x.dims()));
  const bool last = inputs.attributes().get_bool("channels_last");
  const std::size_t first = last ? 1 : 2;
  Dims dims = x.dims();
  std::int64_t size = 1;
  for (std::size_t i = first; i < first + x.rank() - 2; ++i) {
    size *= dims[i];
    dims[i] = 1;
  }
  ORIEL_REQUIRE(size > 0, "input of shape {} has no elements to average", to_string(x.dims()));
  const std::int64_t channels = last ? dims[dims.size() - 1] : dims[1];
  const float factor = from.scale / (to.scale * static_cast<float>(size));
  const QuantRange range = quant_range(x.type());
  Tensor& y = outputs.allocate(0, x.type(), dims);
  for_each_element(y.size(), context, [&](std::int64_t o) {
    const std::int64_t base = last ? o / channels * size * channels + o % channels : o * size;
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < size; ++i)
      sum += element_as_i64(x, base + i * (last ? channels : 1)) - from.zero_point;
    const float scaled = static_cast<float>(wrap_i32(sum)) * factor;
    store_element(y, o, static_cast<double>(quantize(scaled, to.zero_point, range)));
  });
}

}  // namespace

OpDef op_microsoft_qlinear_global_average_pool() {
  return {.name = "QLinearGlobalAveragePool",
          .domain = "com.microsoft",
          .min_inputs = 4,
          .max_inputs = 5,
          .attributes = {{"channels_last", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
