// Clip: min(max(x, low), high) with scalar bounds, where absent the finite limits of the type; NaN stays NaN, and the
// upper bound wins.
// Importers removed: the bounds as attributes of versions 1 and 6.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

template <typename T>
Wide<T> greatest_finite() {
  if constexpr (std::is_same_v<T, Half>) return 65504.0;
  if constexpr (std::is_same_v<T, BFloat16>) return 0x1.FEp127;
  return static_cast<Wide<T>>(std::numeric_limits<T>::max());
}

template <typename T>
Wide<T> lowest_finite() {
  if constexpr (std::is_integral_v<T>) return std::numeric_limits<T>::lowest();
  return static_cast<Wide<T>>(-greatest_finite<T>());
}

void infer(InferContext& c) {
  infer_numeric(c);
  for (const std::size_t i : {1, 2}) {
    if (!c.has_input(i)) continue;
    require_same_element(c, 0, i);
    if (c.shape(i).is_ranked() && !c.shape(i).elements().may_equal(1)) {
      fail(ErrorCode::kInvalidGraph, "input {} has shape {}, expected a scalar", i, c.shape(i).to_string());
    }
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    const auto bound = [&](std::size_t i, Wide<T> otherwise) {
      if (!inputs.has(i)) return otherwise;
      ORIEL_REQUIRE(inputs[i].size() == 1, "input {} has shape {}, expected a scalar", i, to_string(inputs[i].dims()));
      return widen(*inputs[i].data<T>());
    };
    const Wide<T> low = bound(1, lowest_finite<T>());
    const Wide<T> high = bound(2, greatest_finite<T>());
    reference_unary<T>(inputs, outputs, context, [&](auto x) {
      if (x < low) x = low;
      if (x > high) x = high;
      return x;
    });
  });
}

}  // namespace

OpDef op_clip() { return {.name = "Clip", .min_inputs = 1, .max_inputs = 3, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
