// Inference of the com.microsoft QLinear operators.
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void check_parameters(const InferContext& c, std::size_t i, ElementType element) {
  require_element(c, i, {ElementType::kF32});
  require_single(c, i);
  require_single(c, i + 1);
  if (c.has_input(i + 1)) require_element(c, i + 1, {element});
}

}  // namespace

void check_qlinear_operand(const InferContext& c, std::size_t i) {
  require_element(c, i, {ElementType::kI8, ElementType::kU8});
  check_parameters(c, i + 1, c.element(i));
}

void infer_qlinear_unary(InferContext& c) {
  check_qlinear_operand(c, 0);
  check_parameters(c, 3, c.element(0));
  infer_same(c);
}

void infer_qlinear_binary(InferContext& c) {
  check_qlinear_operand(c, 0);
  check_qlinear_operand(c, 3);
  require_same_element(c, 0, 3);
  check_parameters(c, 6, c.element(0));
  c.set(0, c.element(0), broadcast(c.shape(0), c.shape(3)));
}

}  // namespace oriel::ops
