// Mod: a - floor(a / b) * b with the sign of b, or a - trunc(a / b) * b with the sign of a where fmod is 1. An integer
// modulo 0 is 0.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  infer_binary(c);
  const bool truncated = c.attributes().get_bool("fmod");
  if (truncated) {
    infer_binary_content(
        c, [](const Dim& a, const Dim& b) { return a.min() >= 0 && b.min() > 0 ? modulo(a, b) : Dim::unknown(); });
  } else {
    infer_binary_content(c, [](const Dim& a, const Dim& b) { return b.min() > 0 ? modulo(a, b) : Dim::unknown(); });
  }
}

template <typename W>
W remainder_of(W a, W b, bool truncated) {
  if constexpr (std::is_integral_v<W>) {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<W>) {
      if (b == -1) return 0;
    }
    const W r = static_cast<W>(a % b);
    return !truncated && r != 0 && (r < 0) != (b < 0) ? static_cast<W>(r + b) : r;
  } else {
    const W r = std::fmod(a, b);
    if (truncated) return r;
    if (r == 0) return std::copysign(W(0), b);
    return std::signbit(r) != std::signbit(b) ? r + b : r;
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const bool truncated = inputs.attributes().get_bool("fmod");
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    reference_binary<T>(inputs, outputs, context,
                        [truncated](auto a, auto b) { return remainder_of(a, b, truncated); });
  });
}

}  // namespace

OpDef op_mod() {
  return {.name = "Mod",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"fmod", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
