// com.microsoft.QLinearAveragePool: Y = saturate(round_half_even(mean / y_scale + y_zero_point)) in f32, where mean is
// that of the dequantised elements under a window; with count_include_pad the zeros of the pads count too. Importers
// removed: channels_last (they transpose around it).
#include "ops/pool.h"
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_qlinear_unary(c);
  infer_pool(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const QLinearParameters from(inputs, 1);
  const QLinearParameters to(inputs, 3);
  const PoolGeometry g = PoolGeometry::of(inputs.attributes(), x.dims());
  const bool include_pad = inputs.attributes().get_bool("count_include_pad");
  const QuantRange range = quant_range(x.type());
  Tensor& y = outputs.allocate(0, x.type(), g.dims);
  for_each_window(g, context,
                  [&](std::int64_t plane, std::int64_t at, const std::vector<std::int64_t>& taps, std::int64_t padded) {
                    float sum = 0;
                    for (const std::int64_t t : taps) sum += from.dequantize(element_as_i64(x, plane * g.in_size + t));
                    const std::int64_t count = include_pad ? padded : static_cast<std::int64_t>(taps.size());
                    const float mean = count > 0 ? sum / static_cast<float>(count) : 0.0F;
                    const std::int64_t q = quantize(mean / to.scale + static_cast<float>(to.zero_point), 0, range);
                    store_element(y, plane * g.out_size + at, static_cast<double>(q));
                  });
}

}  // namespace

OpDef op_microsoft_qlinear_average_pool() {
  std::vector<AttributeDef> attributes = pool_attributes();
  attributes.push_back({"count_include_pad", std::int64_t{0}});
  return {.name = "QLinearAveragePool",
          .domain = "com.microsoft",
          .min_inputs = 4,
          .max_inputs = 5,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
