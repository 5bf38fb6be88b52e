// com.microsoft.QLinearSoftmax: Y = saturate(round_half_even(softmax(X * x_scale) / y_scale) + y_zero_point); the zero
// point of X cancels. Along `axis` from opset 13 on, over all axes from `axis` on before.
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_qlinear_unary(c);
  if (c.shape(0).is_ranked())
    normalize_axis(c.attributes().get_int("axis"), std::max<std::size_t>(c.shape(0).rank(), 1));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const QLinearParameters from(inputs, 1);
  const QLinearParameters to(inputs, 3);
  const Dims dims = x.rank() == 0 ? Dims{1} : x.dims();
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), dims.size()));
  const bool flatten = inputs.attributes().get_int("opset") < 13;
  std::int64_t extent = dims[axis];
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < dims.size(); ++d) (flatten ? extent : inner) *= dims[d];
  const QuantRange range = quant_range(x.type());
  Tensor& y = outputs.allocate(0, x.type(), x.dims());
  if (x.size() == 0) return;
  for (std::int64_t row = 0; row < x.size() / extent; ++row) {
    context.check();
    const std::int64_t base = row / inner * extent * inner + row % inner;
    std::int64_t largest = range.lowest;
    for (std::int64_t i = 0; i < extent; ++i) largest = std::max(largest, element_as_i64(x, base + i * inner));
    const auto power = [&](std::int64_t i) {
      return std::exp(static_cast<double>(element_as_i64(x, base + i * inner) - largest) *
                      static_cast<double>(from.scale));
    };
    double sum = 0;
    for (std::int64_t i = 0; i < extent; ++i) sum += power(i);
    for (std::int64_t i = 0; i < extent; ++i) {
      const double value = power(i) / sum / static_cast<double>(to.scale);
      store_element(y, base + i * inner, static_cast<double>(quantize(value, to.zero_point, range)));
    }
  }
}

}  // namespace

OpDef op_microsoft_qlinear_softmax() {
  return {.name = "QLinearSoftmax",
          .domain = "com.microsoft",
          .min_inputs = 4,
          .max_inputs = 5,
          .attributes = {{"axis", std::int64_t{-1}}, {"opset", std::int64_t{13}, AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
