// Compress: the slices along `axis` (the elements of the flattened operand without axis) whose condition is true.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 1, {ElementType::kBool});
  const Shape& in = c.shape(0);
  const Attributes& a = c.attributes();
  if (a.has("axis") && !in.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  Shape out = a.has("axis") ? in : Shape::of_rank(1);
  Dim most = in.elements();
  std::size_t axis = 0;
  if (a.has("axis")) {
    axis = static_cast<std::size_t>(normalize_axis(a.get_int("axis"), in.rank()));
    most = in[axis];
  }
  out[axis] = Dim::unknown(0, most.max());
  std::vector<std::int64_t> condition;
  if (c.known_content(1, condition)) {
    std::int64_t kept = 0;
    for (std::size_t i = 0; i < condition.size(); ++i) {
      if (condition[i] != 0 && most.max() <= static_cast<std::int64_t>(i))
        fail(ErrorCode::kInvalidGraph, "condition {} is past the end", i);
      kept += condition[i] != 0 ? 1 : 0;
    }
    out[axis] = Dim(kept);
  }
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const bool along = inputs.attributes().has("axis");
  const auto axis = along ? static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), x.rank())) : 0;
  const AxisSplit split = along ? split_at(x.dims(), axis) : AxisSplit{1, x.size(), 1};
  const std::vector<std::int64_t> condition = inputs[1].to_i64();
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < condition.size(); ++i) {
    if (condition[i] == 0) continue;
    ORIEL_REQUIRE(static_cast<std::int64_t>(i) < split.extent, "condition {} is past the extent of {}", i,
                  split.extent);
    kept.push_back(static_cast<std::int64_t>(i));
  }
  const auto count = static_cast<std::int64_t>(kept.size());
  Dims dims = {count};
  if (along) {
    dims = x.dims();
    dims[axis] = count;
  }
  copy_elements(outputs.allocate(0, x.type(), dims), x, context, [&](std::int64_t o) {
    const std::int64_t row = o / split.inner;
    return (row / count * split.extent + kept[static_cast<std::size_t>(row % count)]) * split.inner + o % split.inner;
  });
}

}  // namespace

OpDef op_compress() {
  return {.name = "Compress",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"axis", std::int64_t{0}, AttributeDef::Need::kOptional}},
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
