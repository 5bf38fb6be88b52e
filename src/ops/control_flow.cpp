// Merging of the types of branches and iterations.
#include "ops/control_flow.h"

namespace oriel::ops {

ValueType merge_types(const ValueType& a, const ValueType& b) {
  using Kind = ValueType::Kind;
  if (a.kind == Kind::kOptional && b.kind != Kind::kOptional) return ValueType::optional(merge_types(*a.inner, b));
  if (b.kind == Kind::kOptional && a.kind != Kind::kOptional) return ValueType::optional(merge_types(a, *b.inner));
  if (a.kind != b.kind || a.element != b.element) {
    fail(ErrorCode::kInvalidGraph, "types {} and {} do not agree", a.to_string(), b.to_string());
  }
  if (!a.is_tensor()) {
    ValueType merged = a;
    if (a.inner && b.inner) merged.inner = std::make_shared<const ValueType>(merge_types(*a.inner, *b.inner));
    return merged;
  }
  if (!a.shape.is_ranked() || !b.shape.is_ranked() || a.shape.rank() != b.shape.rank()) {
    return ValueType(a.element, Shape::unranked());
  }
  Shape shape = a.shape;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    const Dim& x = a.shape[i];
    const Dim& y = b.shape[i];
    if (!x.same(y)) shape[i] = Dim::unknown(std::min(x.min(), y.min()), std::max(x.max(), y.max()));
  }
  return ValueType(a.element, std::move(shape));
}

}  // namespace oriel::ops
