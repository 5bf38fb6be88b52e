// SplitToSequence: the parts of a tensor along `axis` as a sequence: of the extents in a vector, of one extent (the
// last part may be smaller), or of extent 1, then without the axis where keepdims is 0.
#include "ops/sequence.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& in = c.shape(0);
  if (!in.is_ranked()) {
    c.set(0, ValueType::sequence(ValueType(c.element(0), Shape::unranked())));
    return;
  }
  const auto axis = static_cast<std::size_t>(normalize_axis(c.attributes().get_int("axis"), in.rank()));
  std::vector<Dim> dims = in.dims();
  if (c.has_input(1)) {
    dims[axis] = Dim::unknown(0, in[axis].max());
  } else if (c.attributes().get_bool("keepdims")) {
    dims[axis] = Dim(1);
  } else {
    dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
  }
  c.set(0, ValueType::sequence(ValueType(c.element(0), Shape(std::move(dims)))));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), x.rank()));
  const bool drop = !inputs.has(1) && !inputs.attributes().get_bool("keepdims");
  auto sequence = std::make_shared<Sequence>();
  sequence->element = x.type();
  const Dims strides = row_major_strides(x.dims());
  std::int64_t first = 0;
  for (const std::int64_t extent : part_extents(inputs, x.dim(axis))) {
    Dims dims = x.dims();
    dims[axis] = extent;
    Tensor part = Tensor::allocate(x.type(), dims, context.budget);
    copy_strided(part, x, strides, first * strides[axis], context);
    if (drop) {
      dims.erase(dims.begin() + axis);
      part = part.reshaped(std::move(dims));
    }
    sequence->items.emplace_back(std::move(part));
    first += extent;
  }
  outputs.set(0, Datum(std::shared_ptr<const Sequence>(std::move(sequence))));
}

}  // namespace

OpDef op_split_to_sequence() {
  return {.name = "SplitToSequence",
          .min_inputs = 1,
          .max_inputs = 2,
          .attributes = {{"axis", std::int64_t{0}}, {"keepdims", std::int64_t{1}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
