// CastLike: the elements of x in the type of the second operand; the rules stand in ops/convert.h.
#include "ops/convert.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_convertible(c.element(0), c.element(1));
  power_rounding_from(c.attributes().get_string("round_mode"));
  c.set(0, c.element(1), c.shape(0));
  infer_converted_content(c, c.element(1));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Attributes& a = inputs.attributes();
  Tensor& out = outputs.allocate(0, inputs[1].type(), inputs[0].dims());
  convert_elements(inputs[0], out, a.get_bool("saturate"), power_rounding_from(a.get_string("round_mode")), context);
}

}  // namespace

OpDef op_cast_like() {
  return {.name = "CastLike",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"saturate", std::int64_t{1}}, {"round_mode", std::string("up")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
