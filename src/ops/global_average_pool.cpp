// GlobalAveragePool: the mean of every channel over all spatial axes.
#include "ops/pool.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_global_pool(inputs, outputs, context, [](const auto* x, std::int64_t count) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(widen(x[i]));
    return sum / static_cast<double>(count);
  });
}

}  // namespace

OpDef op_global_average_pool() {
  return {.name = "GlobalAveragePool",
          .min_inputs = 1,
          .max_inputs = 1,
          .infer = infer_global_pool,
          .reference = reference};
}

}  // namespace oriel::ops
