// RandomUniformLike: numbers spread evenly over [low, high), in the shape of the operand.
#include "ops/random.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double low = inputs.attributes().get_float("low");
  const double high = inputs.attributes().get_float("high");
  RandomSource random(inputs.attributes(), context);
  reference_random(inputs, outputs, context, [&] { return low + (high - low) * random.uniform(); });
}

}  // namespace

OpDef op_random_uniform_like() {
  return {.name = "RandomUniformLike",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"dtype", ElementType::kF32, AttributeDef::Need::kOptional},
                         {"seed", 0.0F, AttributeDef::Need::kOptional},
                         {"low", 0.0F},
                         {"high", 1.0F}},
          .traits = {.nondeterministic = true},
          .infer = infer_random_like,
          .reference = reference};
}

}  // namespace oriel::ops
