// GroupNormalization: scale[c] * (x - mean) / sqrt(variance + epsilon) + bias[c], with moments of each group of
// channels of each image. Importers removed: scale and bias by group (version 18).
#include "ops/norm.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& x = c.shape(0);
  const std::int64_t groups = c.attributes().get_int("num_groups");
  if (groups < 1) fail(ErrorCode::kInvalidGraph, "attribute num_groups is {}", groups);
  if (x.is_ranked()) {
    if (x.rank() < 2) fail(ErrorCode::kInvalidGraph, "input of shape {}, expected a rank of 2 or more", x.to_string());
    if (x[1].is_known() && x[1].value() % groups != 0)
      fail(ErrorCode::kInvalidGraph, "{} channels in {} groups", x[1].value(), groups);
  }
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}})
    require_vector(c, i, x.is_ranked() ? x[1] : Dim::unknown());
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  normalize_groups(inputs, outputs, context, inputs.attributes().get_int("num_groups"),
                   inputs.attributes().get_float("epsilon"));
}

}  // namespace

OpDef op_group_normalization() {
  return {.name = "GroupNormalization",
          .min_inputs = 3,
          .max_inputs = 3,
          .attributes = {{"epsilon", 1e-5F},
                         {"num_groups", std::int64_t{0}, AttributeDef::Need::kRequired},
                         {"stash_type", ElementType::kF32}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
