// LpNormalization: x / (sum of |x|^p)^(1/p) along one axis, p of 1 or 2; a line of zeros stays zero.
#include "ops/along_axis.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const std::int64_t p = c.attributes().get_int("p");
  if (p != 1 && p != 2) fail(ErrorCode::kInvalidGraph, "attribute p is {}, expected 1 or 2", p);
  infer_along_axis(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const bool euclidean = inputs.attributes().get_int("p") == 2;
  reference_along_axis(
      inputs, outputs, context, [&]<typename T>(const T* x, T* y, std::int64_t extent, std::int64_t stride) {
        double sum = 0;
        for (std::int64_t k = 0; k < extent; ++k)
          sum += euclidean ? widen(x[k * stride]) * widen(x[k * stride]) : std::abs(widen(x[k * stride]));
        const double norm = euclidean ? std::sqrt(sum) : sum;
        for (std::int64_t k = 0; k < extent; ++k)
          y[k * stride] = narrow<T>(norm == 0 ? 0.0 : widen(x[k * stride]) / norm);
      });
}

}  // namespace

OpDef op_lp_normalization() {
  return {.name = "LpNormalization",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"axis", std::int64_t{-1}}, {"p", std::int64_t{2}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
