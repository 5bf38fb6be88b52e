// Clip: min(max(x, low), high) with scalar bounds that may be absent; NaN stays NaN, and the upper bound wins.
// Importers removed: the bounds as attributes of versions 1 and 6.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

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
    const auto bound = [&](std::size_t i, Wide<T>& value) {
      if (!inputs.has(i)) return false;
      ORIEL_REQUIRE(inputs[i].size() == 1, "input {} has shape {}, expected a scalar", i, to_string(inputs[i].dims()));
      value = widen(*inputs[i].data<T>());
      return true;
    };
    Wide<T> low{};
    Wide<T> high{};
    const bool has_low = bound(1, low);
    const bool has_high = bound(2, high);
    reference_unary<T>(inputs, outputs, context, [&](auto x) {
      if (has_low && x < low) x = low;
      if (has_high && x > high) x = high;
      return x;
    });
  });
}

}  // namespace

OpDef op_clip() { return {.name = "Clip", .min_inputs = 1, .max_inputs = 3, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
