// Unsqueeze: new axes of extent 1 at the places that input 1 gives, counted in the output.
// Importers removed: the axes attribute of versions 1 and 11.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

// Puts 1 at `axes` of the result and the old dimensions, in order, at the rest.
template <typename List>
List widened(const List& in, const std::vector<std::int64_t>& axes) {
  const std::size_t rank = in.size() + axes.size();
  std::vector<bool> added(rank, false);
  for (const std::size_t axis : resolve_axes(axes, rank)) added[axis] = true;
  List out(rank, typename List::value_type(1));
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (!added[axis]) out[axis] = in[next++];
  }
  return out;
}

void infer(InferContext& c) {
  const ElementType element = c.element(0);
  const Shape& in = c.shape(0);
  std::vector<std::int64_t> axes;
  if (!in.is_ranked() || !c.known_content(1, axes)) {
    const std::int64_t count = vector_length(c, 1);
    c.set(
        0, element,
        in.is_ranked() && count >= 0 ? Shape::of_rank(in.rank() + static_cast<std::size_t>(count)) : Shape::unranked());
    return;
  }
  c.set(0, element, Shape(widened(in.dims(), axes)));
  const std::vector<Dim>* content = c.content(0);
  if (content != nullptr && in.rank() + axes.size() <= 1) c.set_content(0, *content);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext&) {
  outputs.set(0, inputs[0].reshaped(widened(inputs[0].dims(), inputs[1].to_i64())));
}

}  // namespace

OpDef op_unsqueeze() {
  return {.name = "Unsqueeze",
          .min_inputs = 2,
          .max_inputs = 2,
          .traits = {.view = true, .shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
