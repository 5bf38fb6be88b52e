// Identity: y = x, for values of any kind.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  c.set(0, c.type(0));
  if (const std::vector<Dim>* content = c.content(0)) c.set_content(0, *content);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) { outputs.set(0, inputs.datum(0)); }

}  // namespace

OpDef op_identity() {
  return {.name = "Identity",
          .min_inputs = 1,
          .max_inputs = 1,
          .traits = {.view = true},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
