// Equal: a == b with broadcasting, as bool, for numbers, bools and strings; false where an operand is NaN.
// Importers removed: the axis and broadcast attributes of version 1.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  if (c.element(0) != ElementType::kBool && c.element(0) != ElementType::kString) require_numeric(c, 0);
  infer_binary(c, ElementType::kBool);
  infer_binary_content(c, [](const Dim& a, const Dim& b) {
    if (a.same(b)) return Dim(1);
    return a.may_equal(b) ? Dim::unknown() : Dim(0);
  });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  if (a.type() == ElementType::kString) {
    const Dims dims = broadcast(a.dims(), b.dims());
    bool* z = outputs.allocate(0, ElementType::kBool, dims).data<bool>();
    const std::string* x = a.data<std::string>();
    const std::string* y = b.data<std::string>();
    for_each_broadcast(a.dims(), b.dims(), dims, context,
                       [&](std::int64_t i, std::int64_t ia, std::int64_t ib) { z[i] = x[ia] == y[ib]; });
    return;
  }
  dispatch_numeric_or_bool(a.type(), [&]<typename T>() {
    reference_binary_to<T, bool>(inputs, outputs, context, [](auto x, auto y) { return x == y; });
  });
}

}  // namespace

OpDef op_equal() { return {.name = "Equal", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
