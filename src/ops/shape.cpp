// Shape: the dimensions start to end (clamped, negative counts from the end) of a tensor, as i64.
#include "ops/common.h"

namespace oriel::ops {
namespace {

std::pair<std::int64_t, std::int64_t> span_of(const Attributes& attributes, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  const auto clamp = [r](std::int64_t v) { return std::clamp<std::int64_t>(v < 0 ? v + r : v, 0, r); };
  const std::int64_t start = clamp(attributes.get_int("start"));
  const std::int64_t end = attributes.has("end") ? clamp(attributes.get_int("end")) : r;
  return {start, std::max(start, end)};
}

void infer(InferContext& c) {
  const Shape& shape = c.shape(0);
  if (!shape.is_ranked()) {
    c.set(0, ElementType::kI64, Shape::of_rank(1));
    return;
  }
  const auto [start, end] = span_of(c.attributes(), shape.rank());
  c.set(0, ElementType::kI64, Shape{Dim(end - start)});
  c.set_content(0, std::vector<Dim>(shape.dims().begin() + start, shape.dims().begin() + end));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  const Dims& dims = inputs[0].dims();
  const auto [start, end] = span_of(inputs.attributes(), dims.size());
  Tensor& out = outputs.allocate(0, ElementType::kI64, {end - start});
  std::copy(dims.begin() + start, dims.begin() + end, out.data<std::int64_t>());
}

}  // namespace

OpDef op_shape() {
  return {.name = "Shape",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"start", std::int64_t{0}}, {"end", std::int64_t{0}, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
