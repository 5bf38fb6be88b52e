// IsInf: whether x is infinite, as bool; the attributes choose which signs count.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const bool negative = inputs.attributes().get_bool("detect_negative");
  const bool positive = inputs.attributes().get_bool("detect_positive");
  const Tensor& a = inputs[0];
  bool* out = outputs.allocate(0, ElementType::kBool, a.dims()).data<bool>();
  for_each_element(a.size(), context, [&](std::int64_t i) {
    const double x = element_as_f64(a, i);
    out[i] = std::isinf(x) && (x < 0 ? negative : positive);
  });
}

}  // namespace

OpDef op_is_inf() {
  return {.name = "IsInf",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"detect_negative", std::int64_t{1}}, {"detect_positive", std::int64_t{1}}},
          .infer = infer_classify,
          .reference = reference};
}

}  // namespace oriel::ops
