// ConcatFromSequence: the items of a sequence joined along an axis, or stacked along a new one.
#include "ops/sequence.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const ValueType& item = item_type(c, 0);
  if (!item.is_tensor()) fail(ErrorCode::kInvalidGraph, "items are {}, expected tensors", item.to_string());
  if (!item.shape.is_ranked()) {
    c.set(0, item.element, Shape::unranked());
    return;
  }
  std::vector<Dim> dims = item.shape.dims();
  const bool stack = c.attributes().get_bool("new_axis");
  const std::int64_t axis = normalize_axis(c.attributes().get_int("axis"), dims.size() + (stack ? 1 : 0));
  if (stack) {
    dims.insert(dims.begin() + axis, Dim::unknown());
  } else {
    dims[static_cast<std::size_t>(axis)] = Dim::unknown();
  }
  c.set(0, item.element, Shape(std::move(dims)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Sequence& in = inputs.datum(0).sequence();
  ORIEL_REQUIRE(!in.items.empty(), "the sequence is empty");
  const bool stack = inputs.attributes().get_bool("new_axis");
  std::vector<Tensor> parts;
  for (const Datum& item : in.items) parts.push_back(item.tensor());
  const std::size_t rank = parts[0].rank() + (stack ? 1 : 0);
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), rank));
  if (stack) {
    for (Tensor& part : parts) {
      ORIEL_REQUIRE(part.dims() == in.items[0].tensor().dims(), "items have the shapes {} and {}",
                    to_string(part.dims()), to_string(in.items[0].tensor().dims()));
      Dims dims = part.dims();
      dims.insert(dims.begin() + axis, 1);
      part = part.reshaped(std::move(dims));
    }
  }
  Dims dims = parts[0].dims();
  dims[axis] = 0;
  for (const Tensor& part : parts) {
    ORIEL_REQUIRE(part.type() == parts[0].type() && part.rank() == rank, "items are {} and {}", part.description(),
                  parts[0].description());
    for (std::size_t i = 0; i < rank; ++i) {
      ORIEL_REQUIRE(i == axis || part.dim(i) == dims[i], "items are {} and {}", part.description(),
                    parts[0].description());
    }
    dims[axis] += part.dim(axis);
  }
  Tensor& out = outputs.allocate(0, parts[0].type(), dims);
  const AxisSplit whole = split_at(dims, axis);
  std::int64_t first = 0;
  for (const Tensor& part : parts) {
    const std::int64_t extent = part.dim(axis);
    move_elements(out, part, part.size(), context, [&](std::int64_t i) {
      const std::int64_t row = i / whole.inner;
      const std::int64_t to = (row / extent * whole.extent + first + row % extent) * whole.inner + i % whole.inner;
      return std::pair<std::int64_t, std::int64_t>(to, i);
    });
    first += extent;
  }
}

}  // namespace

OpDef op_concat_from_sequence() {
  return {.name = "ConcatFromSequence",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"axis", std::int64_t{0}, AttributeDef::Need::kRequired}, {"new_axis", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
