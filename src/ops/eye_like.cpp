// EyeLike: a matrix of the operand's shape with ones on the k-th diagonal (above the main one where k > 0), else zeros.
#include "ops/common.h"

namespace oriel::ops {
namespace {

ElementType result_type(const Attributes& attributes, ElementType own) {
  return attributes.has("dtype") ? attributes.get_element_type("dtype") : own;
}

void infer(InferContext& c) {
  const Shape& in = c.shape(0);
  if (in.is_ranked() && in.rank() != 2)
    fail(ErrorCode::kInvalidGraph, "input has the shape {}, expected a matrix", in.to_string());
  c.set(0, result_type(c.attributes(), c.element(0)), in.is_ranked() ? in : Shape::of_rank(2));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() == 2, "input has the shape {}, expected a matrix", to_string(x.dims()));
  const std::int64_t k = inputs.attributes().get_int("k");
  Tensor& out = outputs.allocate(0, result_type(inputs.attributes(), x.type()), x.dims());
  fill_zero(out);
  for (std::int64_t row = 0; row < x.dim(0); ++row) {
    if (row % 65536 == 0) context.check();
    if (k < -row || k >= x.dim(1) - row) continue;
    store_element(out, row * x.dim(1) + row + k, 1);
  }
}

}  // namespace

OpDef op_eye_like() {
  return {.name = "EyeLike",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"dtype", ElementType::kF32, AttributeDef::Need::kOptional}, {"k", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
