// com.microsoft.QGemm: sum of op(A - za) * op(B - zb) + C in 32-bit integers, times alpha * sa * sb in f32; quantised
// where y_scale is given, else f32. op transposes where transA or transB say so; parameters of B may have one element a
// column.
#include "ops/broadcast_to.h"
#include "ops/integer_matmul.h"

namespace oriel::ops {
namespace {

constexpr auto kTypes = {ElementType::kI8, ElementType::kU8};

void infer(InferContext& c) {
  for (const std::size_t i : {0, 3}) {
    require_element(c, i, kTypes);
    require_same_element(c, i, i + 2);
    require_element(c, i + 1, {ElementType::kF32});
  }
  require_single(c, 1);
  require_single(c, 2);
  if (c.has_input(6)) require_element(c, 6, {ElementType::kI32});
  if (c.has_input(7)) require_element(c, 7, {ElementType::kF32});
  if (c.has_input(8)) require_element(c, 8, kTypes);
  const Shape& a = c.shape(0);
  const Shape& b = c.shape(3);
  Shape out = Shape::of_rank(2);
  const bool trans_a = c.attributes().get_bool("transA");
  const bool trans_b = c.attributes().get_bool("transB");
  if ((a.is_ranked() && a.rank() != 2) || (b.is_ranked() && b.rank() != 2)) {
    fail(ErrorCode::kInvalidGraph, "operands of shapes {} and {}, expected rank 2", a.to_string(), b.to_string());
  }
  if (a.is_ranked()) out[0] = a[trans_a ? 1 : 0];
  if (b.is_ranked()) out[1] = b[trans_b ? 0 : 1];
  if (a.is_ranked() && b.is_ranked() && !a[trans_a ? 0 : 1].may_equal(b[trans_b ? 1 : 0])) {
    fail(ErrorCode::kInvalidGraph, "operands of shapes {} and {} do not fit", a.to_string(), b.to_string());
  }
  const ElementType type = !c.has_input(7) ? ElementType::kF32 : c.has_input(8) ? c.element(8) : c.element(0);
  c.set(0, type, std::move(out));
}

// A matrix with rows and columns swapped.
Tensor transposed(const Tensor& x, RunContext& context) {
  ORIEL_REQUIRE(x.rank() == 2, "an operand of shape {}, expected rank 2", to_string(x.dims()));
  Tensor y = Tensor::allocate(x.type(), {x.dim(1), x.dim(0)}, context.budget);
  const std::int64_t rows = x.dim(0);
  const std::int64_t columns = x.dim(1);
  copy_elements(y, x, context, [=](std::int64_t i) { return i % rows * columns + i / rows; });
  return y;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor a = inputs.attributes().get_bool("transA") ? transposed(inputs[0], context) : inputs[0];
  const Tensor b = inputs.attributes().get_bool("transB") ? transposed(inputs[3], context) : inputs[3];
  ORIEL_REQUIRE(a.rank() == 2 && b.rank() == 2, "operands of shapes {} and {}, expected rank 2", to_string(a.dims()),
                to_string(b.dims()));
  const MatMulDims d(a.dims(), b.dims());
  const LineMap columns(b.dims(), inputs[4].dims(), LineMap::Side::kRight);
  const float left = inputs.attributes().get_float("alpha") * single_f32(inputs, 1);
  single_zero_point(inputs, 2);
  const bool quantised = inputs.has(7);
  const ElementType type = !quantised ? ElementType::kF32 : inputs.has(8) ? inputs[8].type() : a.type();
  const float y_scale = quantised ? single_f32(inputs, 7) : 1.0F;
  const std::int64_t y_zero = single_zero_point(inputs, 8);
  Tensor& y = outputs.allocate(0, type, d.out);
  std::vector<std::int64_t> bias(static_cast<std::size_t>(d.m * d.n), 0);
  if (inputs.has(6)) {
    const Tensor& c = inputs[6];
    require_broadcasts_to(c.dims(), d.out, "a bias");
    for_each_broadcast(c.dims(), d.out, d.out, context, [&](std::int64_t o, std::int64_t ic, std::int64_t) {
      bias[static_cast<std::size_t>(o)] = c.data<std::int32_t>()[ic];
    });
  }
  integer_matmul(a, &inputs[2], b, &inputs[5], d, context,
                 [&](std::int64_t o, std::int64_t, std::int64_t ib, std::int64_t, std::int64_t j, std::int32_t sum) {
                   const auto total = static_cast<float>(wrap_i32(sum + bias[static_cast<std::size_t>(o)]));
                   const float factor = left * inputs[4].data<float>()[columns(ib, j)];
                   store_element(
                       y, o,
                       quantised ? static_cast<double>(quantize(total * (factor / y_scale), y_zero, quant_range(type)))
                                 : static_cast<double>(total * factor));
                 });
}

}  // namespace

OpDef op_microsoft_qgemm() {
  return {.name = "QGemm",
          .domain = "com.microsoft",
          .min_inputs = 6,
          .max_inputs = 9,
          .attributes = {{"alpha", 1.0F}, {"transA", std::int64_t{0}}, {"transB", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
