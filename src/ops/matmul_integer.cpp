// MatMulInteger: the product of (A - a_zero_point) and (B - b_zero_point) in 32-bit integers that wrap around.
#include "ops/integer_matmul.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  for (std::size_t i = 0; i < 2; ++i) {
    require_element(c, i, {ElementType::kI8, ElementType::kU8});
    if (!c.has_input(i + 2)) continue;
    require_same_element(c, i, i + 2);
    check_line_parameter(c.shape(i), c.shape(i + 2), i == 0 ? LineMap::Side::kLeft : LineMap::Side::kRight);
  }
  c.set(0, ElementType::kI32, matmul_shape(c.shape(0), c.shape(1)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const MatMulDims d(inputs[0].dims(), inputs[1].dims());
  std::int32_t* y = outputs.allocate(0, ElementType::kI32, d.out).data<std::int32_t>();
  integer_matmul(
      inputs[0], inputs.has(2) ? &inputs[2] : nullptr, inputs[1], inputs.has(3) ? &inputs[3] : nullptr, d, context,
      [&](std::int64_t o, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int32_t sum) { y[o] = sum; });
}

}  // namespace

OpDef op_matmul_integer() {
  return {.name = "MatMulInteger", .min_inputs = 2, .max_inputs = 4, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
