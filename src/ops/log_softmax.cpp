// LogSoftmax: x - max - log(sum(exp(x - max))) along one axis.
// Importers removed: the flattening of versions 1 and 11 (they reshape around it).
#include "ops/along_axis.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_along_axis(inputs, outputs, context,
                       []<typename T>(const T* x, T* y, std::int64_t extent, std::int64_t stride) {
                         double largest = -std::numeric_limits<double>::infinity();
                         for (std::int64_t k = 0; k < extent; ++k) largest = std::max(largest, widen(x[k * stride]));
                         double sum = 0;
                         for (std::int64_t k = 0; k < extent; ++k) sum += std::exp(widen(x[k * stride]) - largest);
                         const double log_sum = std::log(sum);
                         for (std::int64_t k = 0; k < extent; ++k)
                           y[k * stride] = narrow<T>(widen(x[k * stride]) - largest - log_sum);
                       });
}

}  // namespace

OpDef op_log_softmax() {
  return {.name = "LogSoftmax",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"axis", std::int64_t{-1}}},
          .infer = infer_along_axis,
          .reference = reference};
}

}  // namespace oriel::ops
