// StringConcat: x followed by y, elementwise with broadcasting.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kString});
  infer_binary(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& y = inputs[1];
  const Dims dims = broadcast(x.dims(), y.dims());
  const auto* a = x.data<std::string>();
  const auto* b = y.data<std::string>();
  auto* out = outputs.allocate(0, ElementType::kString, dims).data<std::string>();
  for_each_broadcast(x.dims(), y.dims(), dims, context,
                     [&](std::int64_t i, std::int64_t ia, std::int64_t ib) { out[i] = a[ia] + b[ib]; });
}

}  // namespace

OpDef op_string_concat() {
  return {.name = "StringConcat", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
