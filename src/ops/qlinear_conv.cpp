// QLinearConv: y = saturate(round_half_even((sum + B) * (x_scale * w_scale / y_scale)) + y_zero_point), where sum is
// the convolution of (x - x_zero_point) with (w - w_zero_point) in 32-bit integers, and the factor is computed in f32.
// Parameters of w may have one element an output channel.
#include "ops/convolution.h"
#include "ops/quantize.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  for (const std::size_t i : {0, 3, 7}) require_element(c, i, {ElementType::kI8, ElementType::kU8});
  for (const std::size_t i : {0, 3}) require_same_element(c, i, i + 2);
  for (const std::size_t i : {1, 4, 6}) require_element(c, i, {ElementType::kF32});
  for (const std::size_t i : {1, 2, 6, 7}) require_single(c, i);
  check_scale(c.shape(3), c.shape(4), 0, 0);
  check_scale(c.shape(3), c.shape(5), 0, 0);
  if (c.has_input(8)) require_element(c, 8, {ElementType::kI32});
  c.set(0, c.element(7), convolution_shape(c.attributes(), c.shape(0), c.shape(3)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& w = inputs[3];
  const Convolution conv(inputs.attributes(), inputs[0].dims(), w.dims());
  const ScaleMap scale_map(w.dims(), inputs[4].dims(), 0, 0);
  const ScaleMap zero_map(w.dims(), inputs[5].dims(), 0, 0);
  ORIEL_REQUIRE(!inputs.has(8) || inputs[8].size() == conv.features, "a bias of {} elements, expected {}",
                inputs[8].size(), conv.features);
  const std::int32_t* bias = inputs.has(8) ? inputs[8].data<std::int32_t>() : nullptr;
  const std::int64_t x_zero = single_zero_point(inputs, 2);
  const std::int64_t y_zero = single_zero_point(inputs, 7);
  const float x_scale = single_f32(inputs, 1);
  const float y_scale = single_f32(inputs, 6);
  const std::int64_t per_feature = conv.features == 0 ? 1 : w.size() / conv.features;
  std::vector<float> factors;
  for (std::int64_t m = 0; m < conv.features && w.size() > 0; ++m) {
    factors.push_back(x_scale * inputs[4].data<float>()[scale_map(m * per_feature)] / y_scale);
  }
  factors.resize(static_cast<std::size_t>(conv.features));
  const std::vector<std::int64_t> px = centred(inputs[0], nullptr, context, [](std::int64_t) { return 0; });
  const std::vector<std::int64_t> pw = centred(w, &inputs[5], context, zero_map);
  const ElementType type = inputs[7].type();
  const QuantRange range = quant_range(type);
  Tensor& y = outputs.allocate(0, type, conv.dims());
  convolve<std::int64_t>(
      conv, context,
      [&](std::int64_t ix, std::int64_t iw, std::int64_t) {
        return (px[static_cast<std::size_t>(ix)] - x_zero) * pw[static_cast<std::size_t>(iw)];
      },
      [&](std::int64_t i, std::int64_t m, std::int64_t sum) {
        const std::int32_t total = wrap_i32(sum + (bias != nullptr ? bias[m] : 0));
        const std::int64_t q =
            quantize(static_cast<float>(total) * factors[static_cast<std::size_t>(m)], y_zero, range);
        store_element(y, i, static_cast<double>(q));
      });
}

}  // namespace

OpDef op_qlinear_conv() {
  return {.name = "QLinearConv",
          .min_inputs = 8,
          .max_inputs = 9,
          .attributes = convolution_attributes(),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
