// RandomUniform: numbers spread evenly over [low, high).
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

OpDef op_random_uniform() {
  return {.name = "RandomUniform",
          .min_inputs = 0,
          .max_inputs = 0,
          .attributes = {{"shape", std::vector<std::int64_t>(), AttributeDef::Need::kRequired},
                         {"dtype", ElementType::kF32},
                         {"seed", 0.0F, AttributeDef::Need::kOptional},
                         {"low", 0.0F},
                         {"high", 1.0F}},
          .traits = {.nondeterministic = true},
          .infer = infer_random,
          .reference = reference};
}

}  // namespace oriel::ops
