// Inference and definition that ArgMax and ArgMin share.
#include "ops/arg_reduce.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  if (!c.shape(0).is_ranked()) {
    c.set(0, ElementType::kI64, Shape::unranked());
    return;
  }
  Shape out = c.shape(0);
  const auto axis =
      static_cast<std::size_t>(normalize_axis(c.attributes().get_int("axis"), std::max<std::size_t>(out.rank(), 1)));
  if (out.rank() > 0) {
    if (c.attributes().get_bool("keepdims")) {
      out[axis] = 1;
    } else {
      out.dims().erase(out.dims().begin() + static_cast<std::ptrdiff_t>(axis));
    }
  }
  c.set(0, ElementType::kI64, std::move(out));
}

}  // namespace

OpDef arg_reduce_definition(const char* name, OpFunction reference) {
  return {
      .name = name,
      .min_inputs = 1,
      .max_inputs = 1,
      .attributes = {{"axis", std::int64_t{0}}, {"keepdims", std::int64_t{1}}, {"select_last_index", std::int64_t{0}}},
      .infer = infer,
      .reference = reference};
}

}  // namespace oriel::ops
