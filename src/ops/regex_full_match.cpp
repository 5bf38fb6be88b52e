// RegexFullMatch: whether a string matches `pattern` (RE2 syntax) as a whole.
#include "ops/common.h"
#include "ops/regex.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kString});
  c.set(0, ElementType::kBool, c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Regex expression(inputs.attributes().get_string("pattern"));
  const auto* in = x.data<std::string>();
  bool* out = outputs.allocate(0, ElementType::kBool, x.dims()).data<bool>();
  for (std::int64_t i = 0; i < x.size(); ++i) {
    context.check();
    out[i] = expression.full_match(in[i]);
  }
}

}  // namespace

OpDef op_regex_full_match() {
  return {.name = "RegexFullMatch",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"pattern", std::string()}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
