// Operands that hold one whole number, and numbers stored into any element type.
#include "ops/scalars.h"

#include "ops/elementwise.h"

namespace oriel::ops {

void require_whole_scalar(const InferContext& c, std::size_t i) {
  require_element(c, i, {ElementType::kI32, ElementType::kI64});
  if (c.shape(i).is_ranked() && !c.shape(i).elements().may_equal(1)) {
    fail(ErrorCode::kInvalidGraph, "input {} has shape {}, expected a scalar", i, c.shape(i).to_string());
  }
}

std::int64_t whole_scalar(const Tensor& t) {
  ORIEL_REQUIRE(t.size() == 1, "{} where a scalar is expected", t.description());
  return t.to_i64()[0];
}

Dim scalar_content(const InferContext& c, std::size_t i) {
  const std::vector<Dim>* content = c.content(i);
  return content != nullptr && content->size() == 1 ? content->front() : Dim::unknown();
}

void store_number(Tensor& out, std::int64_t i, double value) {
  store_element(out, i, is_integer(out.type()) ? static_cast<double>(truncate_to_integer<std::int64_t>(value)) : value);
}

}  // namespace oriel::ops
