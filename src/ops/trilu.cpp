// Trilu: matrices with zeros below (upper) or above (lower) the k-th diagonal.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  if (c.shape(0).is_ranked() && c.shape(0).rank() < 2)
    fail(ErrorCode::kInvalidGraph, "input has the shape {}", c.shape(0).to_string());
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() >= 2, "input has the shape {}, expected matrices", to_string(x.dims()));
  const bool upper = inputs.attributes().get_bool("upper");
  const std::int64_t rows = x.dim(x.rank() - 2);
  const std::int64_t columns = x.dim(x.rank() - 1);
  const std::int64_t k = std::clamp(inputs.has(1) ? scalar_i64(inputs[1]) : 0, -rows - 1, columns + 1);
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  fill_zero(out);
  copy_elements(out, x, context, [&](std::int64_t i) {
    const std::int64_t above = i % columns - i / columns % rows - k;
    return (upper ? above >= 0 : above <= 0) ? i : std::int64_t{-1};
  });
}

}  // namespace

OpDef op_trilu() {
  return {.name = "Trilu",
          .min_inputs = 1,
          .max_inputs = 2,
          .attributes = {{"upper", std::int64_t{1}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
