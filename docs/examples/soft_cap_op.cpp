// SoftCap: cap * tanh(x / cap).
#include <cmath>

#include "examples.h"
#include "ops/elementwise.h"
#include "ops/registry.h"

namespace oriel::examples {
namespace {

void infer(InferContext& c) {
  const float cap = c.attributes().get_float("cap");
  if (!(cap > 0)) fail(ErrorCode::kInvalidGraph, "cap is {}, expected a number above 0", cap);
  ops::infer_float(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const double cap = inputs.attributes().get_float("cap");
  ops::reference_float(inputs, outputs, context, [cap](double x) { return cap * std::tanh(x / cap); });
}

}  // namespace

OpDef op_soft_cap() {
  return {.name = "SoftCap",
          .domain = "example",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{.name = "cap", .prototype = 0.0F, .need = AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

const OpRegistry& example_ops() {
  static const OpRegistry* const registry = [] {
    auto* r = new OpRegistry;
    for (const OpDef* op : builtin_ops().all()) r->add(*op);
    r->add(op_soft_cap());
    return r;
  }();
  return *registry;
}

}  // namespace oriel::examples
