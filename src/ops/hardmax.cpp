// Hardmax: 1 at the first largest element along one axis, 0 elsewhere.
// Importers removed: the flattening of versions 1 and 11 (they reshape around it).
#include "ops/along_axis.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_along_axis(inputs, outputs, context,
                       []<typename T>(const T* x, T* y, std::int64_t extent, std::int64_t stride) {
                         std::int64_t best = 0;
                         for (std::int64_t k = 1; k < extent; ++k) {
                           if (widen(x[k * stride]) > widen(x[best * stride])) best = k;
                         }
                         for (std::int64_t k = 0; k < extent; ++k) y[k * stride] = T(k == best ? 1.0F : 0.0F);
                       });
}

}  // namespace

OpDef op_hardmax() {
  return {.name = "Hardmax",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"axis", std::int64_t{-1}}},
          .infer = infer_along_axis,
          .reference = reference};
}

}  // namespace oriel::ops
