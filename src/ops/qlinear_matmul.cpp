// QLinearMatMul: y = saturate(round_half_even(sum * (a_scale * b_scale / y_scale)) + y_zero_point), where sum is the
// product of (a - a_zero_point) and (b - b_zero_point) in 32-bit integers, and the factor is computed in f32. Operands
// of float8 sum in f64.
#include "ops/integer_matmul.h"

namespace oriel::ops {
namespace {

constexpr auto kTypes = {ElementType::kI8,         ElementType::kU8,     ElementType::kF8E4M3FN,
                         ElementType::kF8E4M3FNUZ, ElementType::kF8E5M2, ElementType::kF8E5M2FNUZ};

void infer(InferContext& c) {
  for (const std::size_t i : {0, 3}) {
    require_element(c, i, kTypes);
    require_same_element(c, i, i + 2);
    const LineMap::Side side = i == 0 ? LineMap::Side::kLeft : LineMap::Side::kRight;
    check_line_parameter(c.shape(i), c.shape(i + 1), side);
    check_line_parameter(c.shape(i), c.shape(i + 2), side);
  }
  for (const std::size_t i : {1, 4, 6})
    require_element(c, i, {ElementType::kF32, ElementType::kF16, ElementType::kBF16});
  require_element(c, 7, kTypes);
  require_single(c, 6);
  require_single(c, 7);
  c.set(0, c.element(7), matmul_shape(c.shape(0), c.shape(3)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  const Tensor& a_scale = inputs[1];
  const Tensor& b = inputs[3];
  const Tensor& b_scale = inputs[4];
  const MatMulDims d(a.dims(), b.dims());
  const LineMap rows(a.dims(), a_scale.dims(), LineMap::Side::kLeft);
  const LineMap columns(b.dims(), b_scale.dims(), LineMap::Side::kRight);
  const float y_scale = single_f32(inputs, 6);
  ORIEL_REQUIRE(inputs[7].size() == 1, "input 7 has {} elements, expected 1", inputs[7].size());
  const ElementType type = inputs[7].type();
  Tensor& y = outputs.allocate(0, type, d.out);
  const auto factor = [&](std::int64_t ia, std::int64_t ib, std::int64_t i, std::int64_t j) {
    return static_cast<float>(element_as_f64(a_scale, rows(ia, i))) *
           static_cast<float>(element_as_f64(b_scale, columns(ib, j))) / y_scale;
  };
  const auto store = [&](std::int64_t o, double value) {
    if (is_float(type)) {
      store_element(y, o, value + element_as_f64(inputs[7], 0));
    } else {
      store_element(y, o, static_cast<double>(quantize(value, element_as_i64(inputs[7], 0), quant_range(type))));
    }
  };
  if (is_integer(a.type()) && is_integer(b.type())) {
    integer_matmul(a, &inputs[2], b, &inputs[5], d, context,
                   [&](std::int64_t o, std::int64_t ia, std::int64_t ib, std::int64_t i, std::int64_t j,
                       std::int32_t sum) { store(o, static_cast<float>(sum) * factor(ia, ib, i, j)); });
    return;
  }
  const LineMap a_zero(a.dims(), inputs[2].dims(), LineMap::Side::kLeft);
  const LineMap b_zero(b.dims(), inputs[5].dims(), LineMap::Side::kRight);
  for_each_broadcast(d.batch_a, d.batch_b, d.batch, context, [&](std::int64_t o, std::int64_t ia, std::int64_t ib) {
    for (std::int64_t i = 0; i < d.m; ++i) {
      context.check();
      const double za = element_as_f64(inputs[2], a_zero(ia, i));
      for (std::int64_t j = 0; j < d.n; ++j) {
        const double zb = element_as_f64(inputs[5], b_zero(ib, j));
        double sum = 0;
        for (std::int64_t l = 0; l < d.k; ++l) {
          sum +=
              (element_as_f64(a, (ia * d.m + i) * d.k + l) - za) * (element_as_f64(b, (ib * d.k + l) * d.n + j) - zb);
        }
        store((o * d.m + i) * d.n + j, sum * factor(ia, ib, i, j));
      }
    }
  });
}

}  // namespace

OpDef op_qlinear_matmul() {
  return {.name = "QLinearMatMul", .min_inputs = 8, .max_inputs = 8, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
