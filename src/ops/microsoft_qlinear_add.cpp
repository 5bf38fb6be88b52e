// com.microsoft.QLinearAdd: C = saturate(round_half_even(((A - za) * sa + (B - zb) * sb) / sc + zc)), broadcasting. In
// f32 as fma(A, sa / sc, fma(B, sb / sc, zc - fma(za, sa / sc, zb * (sb / sc)))), which fixes the rounding of near
// ties.
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const QLinearParameters a(inputs, 1);
  const QLinearParameters b(inputs, 4);
  const QLinearParameters c(inputs, 6);
  const float ratio_a = a.scale / c.scale;
  const float ratio_b = b.scale / c.scale;
  const auto zero_a = static_cast<float>(a.zero_point);
  const auto zero_b = static_cast<float>(b.zero_point);
  const float fixed = static_cast<float>(c.zero_point) - std::fma(ratio_a, zero_a, ratio_b * zero_b);
  reference_qlinear_binary(inputs, outputs, context, [&](std::int64_t x, std::int64_t y) {
    return std::fma(ratio_a, static_cast<float>(x), std::fma(ratio_b, static_cast<float>(y), fixed));
  });
}

}  // namespace

OpDef op_microsoft_qlinear_add() {
  return {.name = "QLinearAdd",
          .domain = "com.microsoft",
          .min_inputs = 7,
          .max_inputs = 8,
          .infer = infer_qlinear_binary,
          .reference = reference};
}

}  // namespace oriel::ops
