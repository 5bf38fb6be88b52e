// RandomNormal: normal numbers of the given mean and standard deviation.
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

OpDef op_random_normal() {
  return {.name = "RandomNormal",
          .min_inputs = 0,
          .max_inputs = 0,
          .attributes = {{"shape", std::vector<std::int64_t>(), AttributeDef::Need::kRequired},
                         {"dtype", ElementType::kF32},
                         {"seed", 0.0F, AttributeDef::Need::kOptional},
                         {"mean", 0.0F},
                         {"scale", 1.0F}},
          .traits = {.nondeterministic = true},
          .infer = infer_random,
          .reference = reference};
}

}  // namespace oriel::ops
