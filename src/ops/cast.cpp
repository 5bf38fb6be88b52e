// Cast: the same elements in another type; the rules stand in ops/convert.h.
// Importers removed: the type's name as a string of version 1.
#include "ops/convert.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const ElementType to = c.attributes().get_element_type("to");
  require_convertible(c.element(0), to);
  power_rounding_from(c.attributes().get_string("round_mode"));
  c.set(0, to, c.shape(0));
  infer_converted_content(c, to);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Attributes& a = inputs.attributes();
  Tensor& out = outputs.allocate(0, a.get_element_type("to"), inputs[0].dims());
  convert_elements(inputs[0], out, a.get_bool("saturate"), power_rounding_from(a.get_string("round_mode")), context);
}

}  // namespace

OpDef op_cast() {
  return {.name = "Cast",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"to", ElementType::kF32, AttributeDef::Need::kRequired},
                         {"saturate", std::int64_t{1}},
                         {"round_mode", std::string("up")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
