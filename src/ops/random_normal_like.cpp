// RandomNormalLike: normal numbers of the given mean and standard deviation, in the shape of the operand.
#include "ops/random.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double mean = inputs.attributes().get_float("mean");
  const double scale = inputs.attributes().get_float("scale");
  RandomSource random(inputs.attributes(), context);
  reference_random(inputs, outputs, context, [&] { return mean + scale * random.normal(); });
}

}  // namespace

OpDef op_random_normal_like() {
  return {.name = "RandomNormalLike",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"dtype", ElementType::kF32, AttributeDef::Need::kOptional},
                         {"seed", 0.0F, AttributeDef::Need::kOptional},
                         {"mean", 0.0F},
                         {"scale", 1.0F}},
          .traits = {.nondeterministic = true},
          .infer = infer_random_like,
          .reference = reference};
}

}  // namespace oriel::ops
