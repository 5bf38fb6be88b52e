// Floor: the largest integer not above x.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  reference_float(inputs, outputs, context, [](double x) { return std::floor(x); });
}

}  // namespace

OpDef op_floor() {
  return {.name = "Floor", .min_inputs = 1, .max_inputs = 1, .infer = infer_float, .reference = reference};
}

}  // namespace oriel::ops
