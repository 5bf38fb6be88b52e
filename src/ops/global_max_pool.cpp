// GlobalMaxPool: the largest element of every channel over all spatial axes.
#include "ops/pool.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_global_pool(inputs, outputs, context, [](const auto* x, std::int64_t count) {
    using W = decltype(widen(*x));
    using Limits = std::numeric_limits<W>;
    W best = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    for (std::int64_t i = 0; i < count; ++i) {
      const W v = widen(x[i]);
      if (v > best || v != v) best = v;
    }
    return best;
  });
}

}  // namespace

OpDef op_global_max_pool() {
  return {
      .name = "GlobalMaxPool", .min_inputs = 1, .max_inputs = 1, .infer = infer_global_pool, .reference = reference};
}

}  // namespace oriel::ops
