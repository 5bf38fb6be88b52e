// Gather: out[i.., j.., k..] = data[i.., indices[j..], k..] along `axis`; negative indices count from the end.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 1, {ElementType::kI32, ElementType::kI64});
  const Shape& data = c.shape(0);
  const Shape& indices = c.shape(1);
  if (!data.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  const auto axis = normalize_axis(c.attributes().get_int("axis"), data.rank());
  if (!indices.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  std::vector<Dim> dims(data.dims().begin(), data.dims().begin() + axis);
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  dims.insert(dims.end(), data.dims().begin() + axis + 1, data.dims().end());
  c.set(0, c.element(0), Shape(std::move(dims)));
  const std::vector<Dim>* content = c.content(0);
  std::vector<std::int64_t> picked;
  if (content == nullptr || indices.rank() > 1 || !c.known_content(1, picked)) return;
  std::vector<Dim> elements;
  for (const std::int64_t i : picked) {
    elements.push_back(
        (*content)[static_cast<std::size_t>(resolve_index(i, static_cast<std::int64_t>(content->size())))]);
  }
  c.set_content(0, std::move(elements));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& data = inputs[0];
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), data.rank()));
  const AxisSplit split = split_at(data.dims(), axis);
  std::vector<std::int64_t> indices = inputs[1].to_i64();
  for (std::int64_t& i : indices) i = resolve_index(i, split.extent);
  Dims dims(data.dims().begin(), data.dims().begin() + axis);
  for (const std::int64_t d : inputs[1].dims()) dims.push_back(d);
  for (std::size_t i = axis + 1; i < data.rank(); ++i) dims.push_back(data.dim(i));
  Tensor& out = outputs.allocate(0, data.type(), dims);
  const auto picked = static_cast<std::int64_t>(indices.size());
  copy_elements(out, data, context, [&](std::int64_t o) {
    const std::int64_t inner = o % split.inner;
    const std::int64_t row = o / split.inner;
    return (row / picked * split.extent + indices[static_cast<std::size_t>(row % picked)]) * split.inner + inner;
  });
}

}  // namespace

OpDef op_gather() {
  return {.name = "Gather",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"axis", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
