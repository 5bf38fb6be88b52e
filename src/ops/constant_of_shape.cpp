// ConstantOfShape: a tensor of the shape in input 0 whose elements all equal the one element of `value`.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Tensor& value = c.attributes().get_tensor("value");
  if (value.size() != 1) fail(ErrorCode::kInvalidGraph, "value is {}, expected one element", value.description());
  const std::vector<Dim>* content = c.content(0);
  if (content == nullptr) {
    const std::int64_t rank = vector_length(c, 0);
    c.set(0, value.type(), rank < 0 ? Shape::unranked() : Shape::of_rank(static_cast<std::size_t>(rank)));
    return;
  }
  std::vector<Dim> dims;
  for (const Dim& d : *content) {
    if (d.max() < 0) fail(ErrorCode::kInvalidGraph, "a dimension is {}", d.to_string());
    dims.push_back(d.bounded(0, kUnboundedDim));
  }
  const Shape shape(std::move(dims));
  c.set(0, value.type(), shape);
  const bool counts = value.type() == ElementType::kI64 || value.type() == ElementType::kI32;
  const Dim elements = shape.elements();
  if (counts && shape.rank() <= 1 && elements.is_known() && elements.value() <= 64) {
    c.set_content(0, std::vector<Dim>(static_cast<std::size_t>(elements.value()), Dim(element_as_i64(value, 0))));
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& value = inputs.attributes().get_tensor("value");
  fill_with(outputs.allocate(0, value.type(), Dims(inputs[0].to_i64())), value, context);
}

}  // namespace

OpDef op_constant_of_shape() {
  return {.name = "ConstantOfShape",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"value", Tensor::of<float>({0.0F}, {1})}},
          .traits = {.shape_operands = 0b1},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
