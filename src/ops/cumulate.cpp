// Inference and definition that CumSum and CumProd share.
#include "ops/cumulate.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  require_element(c, 1, {ElementType::kI32, ElementType::kI64});
  std::vector<std::int64_t> axis;
  if (c.shape(0).is_ranked() && c.known_content(1, axis) && axis.size() == 1) {
    normalize_axis(axis[0], c.shape(0).rank());
  }
  infer_same(c);
}

}  // namespace

OpDef cumulate_definition(const char* name, OpFunction reference) {
  return {.name = name,
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"exclusive", std::int64_t{0}}, {"reverse", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
