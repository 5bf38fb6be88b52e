// com.microsoft.QLinearMul: C = saturate(round_half_even((A - za) * (B - zb) * (sa * sb / sc) + zc)) in f32,
// broadcasting.
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const QLinearParameters a(inputs, 1);
  const QLinearParameters b(inputs, 4);
  const QLinearParameters c(inputs, 6);
  const float factor = a.scale * b.scale / c.scale;
  const auto zero = static_cast<float>(c.zero_point);
  reference_qlinear_binary(inputs, outputs, context, [&](std::int64_t x, std::int64_t y) {
    return static_cast<float>((x - a.zero_point) * (y - b.zero_point)) * factor + zero;
  });
}

}  // namespace

OpDef op_microsoft_qlinear_mul() {
  return {.name = "QLinearMul",
          .domain = "com.microsoft",
          .min_inputs = 7,
          .max_inputs = 8,
          .infer = infer_qlinear_binary,
          .reference = reference};
}

}  // namespace oriel::ops
