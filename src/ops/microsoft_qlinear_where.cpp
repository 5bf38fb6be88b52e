// com.microsoft.QLinearWhere: quantize(condition ? dequantize(X) : dequantize(Y)) with the operands condition, X and Y
// in triples, and the scale and zero point of the result, broadcasting.
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kBool});
  check_qlinear_operand(c, 1);
  check_qlinear_operand(c, 4);
  require_same_element(c, 1, 4);
  require_element(c, 7, {ElementType::kF32});
  require_single(c, 7);
  require_single(c, 8);
  if (c.has_input(8)) require_same_element(c, 1, 8);
  c.set(0, c.element(1), broadcast(c.shape(0), broadcast(c.shape(1), c.shape(4))));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& condition = inputs[0];
  const Tensor& x = inputs[1];
  const Tensor& y = inputs[4];
  const QLinearParameters from_x(inputs, 2);
  const QLinearParameters from_y(inputs, 5);
  const QLinearParameters to(inputs, 7);
  const Dims dims = broadcast(condition.dims(), broadcast(x.dims(), y.dims()));
  const QuantRange range = quant_range(x.type());
  Tensor& z = outputs.allocate(0, x.type(), dims);
  std::vector<std::int64_t> places(static_cast<std::size_t>(z.size()));
  for_each_broadcast(x.dims(), y.dims(), dims, context, [&](std::int64_t i, std::int64_t ix, std::int64_t iy) {
    store_element(z, i, static_cast<double>(to.quantize(from_x.dequantize(element_as_i64(x, ix)), range)));
    places[static_cast<std::size_t>(i)] = iy;
  });
  for_each_broadcast(condition.dims(), dims, dims, context, [&](std::int64_t i, std::int64_t ic, std::int64_t) {
    if (element_as_i64(condition, ic) != 0) return;
    const std::int64_t value = element_as_i64(y, places[static_cast<std::size_t>(i)]);
    store_element(z, i, static_cast<double>(to.quantize(from_y.dequantize(value), range)));
  });
}

}  // namespace

OpDef op_microsoft_qlinear_where() {
  return {.name = "QLinearWhere",
          .domain = "com.microsoft",
          .min_inputs = 8,
          .max_inputs = 9,
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
