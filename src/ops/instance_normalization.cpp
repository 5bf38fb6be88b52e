// InstanceNormalization: scale * (x - mean) / sqrt(variance + epsilon) + B, with moments of each channel of each image.
#include "ops/norm.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& x = c.shape(0);
  if (x.is_ranked() && x.rank() < 2)
    fail(ErrorCode::kInvalidGraph, "input of shape {}, expected a rank of 2 or more", x.to_string());
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}})
    require_vector(c, i, x.is_ranked() ? x[1] : Dim::unknown());
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() >= 2, "input of shape {}, expected a rank of 2 or more", to_string(x.dims()));
  normalize_groups(inputs, outputs, context, x.dim(1), inputs.attributes().get_float("epsilon"));
}

}  // namespace

OpDef op_instance_normalization() {
  return {.name = "InstanceNormalization",
          .min_inputs = 3,
          .max_inputs = 3,
          .attributes = {{"epsilon", 1e-5F}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
