// Inference that elementwise operators share.
#include "ops/elementwise.h"

namespace oriel::ops {

void infer_binary(InferContext& c, ElementType result) {
  require_same_element(c, 0, 1);
  c.set(0, result == ElementType::kUndefined ? c.element(0) : result, broadcast(c.shape(0), c.shape(1)));
}

void infer_binary_content(InferContext& c, Dim (*f)(const Dim&, const Dim&)) {
  const std::vector<Dim>* a = c.content(0);
  const std::vector<Dim>* b = c.content(1);
  if (a == nullptr || b == nullptr) return;
  const std::size_t n = std::max(a->size(), b->size());
  if ((a->size() != n && a->size() != 1) || (b->size() != n && b->size() != 1)) return;
  std::vector<Dim> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(f((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]));
  c.set_content(0, std::move(out));
}

}  // namespace oriel::ops
