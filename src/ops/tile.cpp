// Tile: the operand repeated repeats[i] times along every axis i.
// Importers removed: the tiles and axis operands of version 1.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const ElementType element = c.element(0);
  const Shape& in = c.shape(0);
  const std::vector<Dim>* repeats = c.content(1);
  if (!in.is_ranked()) {
    const std::int64_t rank = vector_length(c, 1);
    c.set(0, element, rank < 0 ? Shape::unranked() : Shape::of_rank(static_cast<std::size_t>(rank)));
    return;
  }
  if (repeats == nullptr) {
    c.set(0, element, Shape::of_rank(in.rank()));
    return;
  }
  if (repeats->size() != in.rank())
    fail(ErrorCode::kInvalidGraph, "{} repeats for rank {}", repeats->size(), in.rank());
  Shape out = in;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if ((*repeats)[i].max() < 0)
      fail(ErrorCode::kInvalidGraph, "axis {} is repeated {} times", i, (*repeats)[i].to_string());
    out[i] = in[i] * (*repeats)[i].bounded(0, kUnboundedDim);
  }
  const std::vector<Dim>* content = c.content(0);
  if (content != nullptr && in.rank() == 1 && (*repeats)[0].is_known() && out[0].is_known() && out[0].value() <= 64) {
    std::vector<Dim> elements;
    for (std::int64_t i = 0; i < (*repeats)[0].value(); ++i)
      elements.insert(elements.end(), content->begin(), content->end());
    c.set_content(0, std::move(elements));
  }
  c.set(0, element, std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::vector<std::int64_t> repeats = inputs[1].to_i64();
  ORIEL_REQUIRE(repeats.size() == x.rank(), "{} repeats for rank {}", repeats.size(), x.rank());
  Dims dims = x.dims();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    ORIEL_REQUIRE(repeats[i] >= 0 && !__builtin_mul_overflow(dims[i], repeats[i], &dims[i]),
                  "axis {} is repeated {} times", i, repeats[i]);
  }
  const Dims own = row_major_strides(x.dims());
  Dims index(dims.size(), 0);
  copy_elements(outputs.allocate(0, x.type(), dims), x, context, [&](std::int64_t) {
    std::int64_t at = 0;
    for (std::size_t i = 0; i < dims.size(); ++i) at += index[i] % x.dim(i) * own[i];
    advance(index, dims);
    return at;
  });
}

}  // namespace

OpDef op_tile() {
  return {.name = "Tile",
          .min_inputs = 2,
          .max_inputs = 2,
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
