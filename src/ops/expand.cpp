// Expand: the operand broadcast against the shape in input 1 (either may have the larger extent on an axis).
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const ElementType element = c.element(0);
  const Shape& in = c.shape(0);
  const std::vector<Dim>* target = c.content(1);
  if (target == nullptr) {
    const std::int64_t rank = vector_length(c, 1);
    if (rank < 0 || !in.is_ranked()) {
      c.set(0, element, Shape::unranked());
    } else {
      c.set(0, element, broadcast(in, Shape::of_rank(static_cast<std::size_t>(rank))));
    }
    return;
  }
  std::vector<Dim> dims;
  for (const Dim& d : *target) {
    if (d.max() < 0) fail(ErrorCode::kInvalidGraph, "a dimension is {}", d.to_string());
    dims.push_back(d.bounded(0, kUnboundedDim));
  }
  Shape out = broadcast(in, Shape(std::move(dims)));
  const std::vector<Dim>* content = c.content(0);
  if (content != nullptr && out.is_ranked() && out.rank() <= 1) {
    const Dim count = out.elements();
    if (count.is_known() && count.value() <= 64 && !content->empty()) {
      std::vector<Dim> elements = *content;
      if (elements.size() == 1) elements.assign(static_cast<std::size_t>(count.value()), (*content)[0]);
      c.set_content(0, std::move(elements));
    }
  }
  c.set(0, element, std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Dims dims = broadcast(x.dims(), Dims(inputs[1].to_i64()));
  copy_strided(outputs.allocate(0, x.type(), dims), x, broadcast_strides(x.dims(), dims), 0, context);
}

}  // namespace

OpDef op_expand() {
  return {.name = "Expand",
          .min_inputs = 2,
          .max_inputs = 2,
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
