// GlobalLpPool: (sum of |x|^p)^(1/p) of every channel over all spatial axes.
// Importers removed: the real-valued p of version 1.
#include "ops/pool.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const auto p = static_cast<double>(inputs.attributes().get_int("p"));
  ORIEL_REQUIRE(p > 0, "attribute p is {}", p);
  reference_global_pool(inputs, outputs, context, [p](const auto* x, std::int64_t count) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += std::pow(std::abs(static_cast<double>(widen(x[i]))), p);
    return std::pow(sum, 1.0 / p);
  });
}

}  // namespace

OpDef op_global_lp_pool() {
  return {.name = "GlobalLpPool",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"p", std::int64_t{2}}},
          .infer = infer_global_pool,
          .reference = reference};
}

}  // namespace oriel::ops
