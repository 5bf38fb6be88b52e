// IsNaN: whether x is no number, as bool.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  bool* out = outputs.allocate(0, ElementType::kBool, a.dims()).data<bool>();
  for_each_element(a.size(), context, [&](std::int64_t i) {
    const double x = element_as_f64(a, i);
    out[i] = std::isnan(x);
  });
}

}  // namespace

OpDef op_is_nan() {
  return {.name = "IsNaN", .min_inputs = 1, .max_inputs = 1, .infer = infer_classify, .reference = reference};
}

}  // namespace oriel::ops
