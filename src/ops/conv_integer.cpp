// ConvInteger: the convolution of (x - x_zero_point) with (w - w_zero_point) in 32-bit integers that wrap around;
// padding is x_zero_point. w_zero_point may have one element an output channel.
#include "ops/convolution.h"
#include "ops/quantize.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  for (std::size_t i = 0; i < 2; ++i) {
    require_element(c, i, {ElementType::kI8, ElementType::kU8});
    if (c.has_input(i + 2)) require_same_element(c, i, i + 2);
  }
  require_single(c, 2);
  if (c.has_input(3)) check_scale(c.shape(1), c.shape(3), 0, 0);
  c.set(0, ElementType::kI32, convolution_shape(c.attributes(), c.shape(0), c.shape(1)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Convolution conv(inputs.attributes(), inputs[0].dims(), inputs[1].dims());
  const std::int64_t x_zero = single_zero_point(inputs, 2);
  const ScaleMap w_map(inputs[1].dims(), inputs.has(3) ? inputs[3].dims() : Dims(), 0, 0);
  const std::vector<std::int64_t> w = centred(inputs[1], inputs.has(3) ? &inputs[3] : nullptr, context, w_map);
  const Tensor& x = inputs[0];
  std::int32_t* y = outputs.allocate(0, ElementType::kI32, conv.dims()).data<std::int32_t>();
  convolve<std::int64_t>(
      conv, context,
      [&](std::int64_t ix, std::int64_t iw, std::int64_t) {
        return (element_as_i64(x, ix) - x_zero) * w[static_cast<std::size_t>(iw)];
      },
      [&](std::int64_t i, std::int64_t, std::int64_t sum) { y[i] = wrap_i32(sum); });
}

}  // namespace

OpDef op_conv_integer() {
  return {.name = "ConvInteger",
          .min_inputs = 2,
          .max_inputs = 4,
          .attributes = convolution_attributes(),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
