// Inference of the scatter operators.
#include "ops/scatter.h"

namespace oriel::ops {

void infer_scatter(InferContext& c) {
  require_element(c, 1, {ElementType::kI32, ElementType::kI64});
  require_same_element(c, 0, 2);
  const std::string& reduction = c.attributes().get_string("reduction");
  if (reduction != "none" && reduction != "add" && reduction != "mul" && reduction != "max" && reduction != "min") {
    fail(ErrorCode::kInvalidGraph, "unknown reduction {}", reduction);
  }
  infer_same(c);
}

}  // namespace oriel::ops
