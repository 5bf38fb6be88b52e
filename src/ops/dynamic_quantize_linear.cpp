// DynamicQuantizeLinear: u8 quantisation over the range of x widened to hold 0: y_scale = (max - min) / 255,
// y_zero_point = saturate(round_half_even(-min / y_scale)), y = saturate(round_half_even(x / y_scale) + y_zero_point),
// in f32. A range of 0 takes the scale 1.
#include "ops/quantize.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32});
  c.set(0, ElementType::kU8, c.shape(0));
  if (c.num_outputs() > 1) c.set(1, ElementType::kF32, Shape());
  if (c.num_outputs() > 2) c.set(2, ElementType::kU8, Shape());
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const float* px = x.data<float>();
  float lowest = 0;
  float highest = 0;
  for_each_element(x.size(), context, [&](std::int64_t i) {
    lowest = std::min(lowest, px[i]);
    highest = std::max(highest, px[i]);
  });
  const float scale = highest == lowest ? 1.0F : (highest - lowest) / 255.0F;
  const QuantRange range = quant_range(ElementType::kU8);
  const std::int64_t zero_point = quantize(-lowest / scale, 0, range);
  std::uint8_t* y = outputs.allocate(0, ElementType::kU8, x.dims()).data<std::uint8_t>();
  for_each_element(x.size(), context, [&](std::int64_t i) {
    y[i] = static_cast<std::uint8_t>(quantize(px[i] / scale, zero_point, range));
  });
  if (outputs.size() > 1 && outputs.wanted(1)) *outputs.allocate(1, ElementType::kF32, {}).data<float>() = scale;
  if (outputs.size() > 2 && outputs.wanted(2)) {
    *outputs.allocate(2, ElementType::kU8, {}).data<std::uint8_t>() = static_cast<std::uint8_t>(zero_point);
  }
}

}  // namespace

OpDef op_dynamic_quantize_linear() {
  return {.name = "DynamicQuantizeLinear",
          .min_inputs = 1,
          .max_inputs = 1,
          .max_outputs = 3,
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
