// GatherND: out[b.., i.., ..] = data[b.., indices[b.., i.., :]..., ..] with `batch_dims` leading axes in common.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 1, {ElementType::kI32, ElementType::kI64});
  const Shape& data = c.shape(0);
  const Shape& indices = c.shape(1);
  if (!data.is_ranked() || !indices.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  const std::int64_t batch = c.attributes().get_int("batch_dims");
  const auto rank = static_cast<std::int64_t>(data.rank());
  if (batch < 0 || batch >= rank || batch >= static_cast<std::int64_t>(indices.rank())) {
    fail(ErrorCode::kInvalidGraph, "batch_dims is {} for data {} and indices {}", batch, data.to_string(),
         indices.to_string());
  }
  const Dim& depth = indices[indices.rank() - 1];
  if (!depth.is_known()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  if (batch + depth.value() > rank) {
    fail(ErrorCode::kInvalidGraph, "indices {} have {} numbers for {} axes", indices.to_string(), depth.value(),
         rank - batch);
  }
  std::vector<Dim> dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), data.dims().begin() + batch + depth.value(), data.dims().end());
  c.set(0, c.element(0), Shape(std::move(dims)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& data = inputs[0];
  const Tensor& indices = inputs[1];
  const std::int64_t batch = inputs.attributes().get_int("batch_dims");
  const auto rank = static_cast<std::int64_t>(data.rank());
  ORIEL_REQUIRE(indices.rank() >= 1 && batch >= 0 && batch < rank && batch < static_cast<std::int64_t>(indices.rank()),
                "batch_dims is {} for data {} and indices {}", batch, data.description(), indices.description());
  const std::int64_t depth = indices.dim(indices.rank() - 1);
  ORIEL_REQUIRE(batch + depth <= rank, "indices of {} numbers for {} axes", depth, rank - batch);
  std::int64_t batches = 1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i) {
    ORIEL_REQUIRE(data.dim(i) == indices.dim(i), "data {} and indices {} differ on batch axis {}",
                  to_string(data.dims()), to_string(indices.dims()), i);
    batches *= data.dim(i);
  }
  Dims dims(indices.dims().begin(), indices.dims().end() - 1);
  const std::int64_t picks = count_elements(dims);
  std::int64_t part = 1;
  for (std::size_t i = static_cast<std::size_t>(batch + depth); i < data.rank(); ++i) {
    dims.push_back(data.dim(i));
    part *= data.dim(i);
  }
  const Dims strides = row_major_strides(data.dims());
  const std::vector<std::int64_t> numbers = indices.to_i64();
  const std::int64_t batch_elements = batches == 0 ? 0 : data.size() / batches;
  std::vector<std::int64_t> starts(static_cast<std::size_t>(picks));
  for (std::int64_t i = 0; i < picks; ++i) {
    std::int64_t at = i / (picks / batches) * batch_elements;
    for (std::int64_t k = 0; k < depth; ++k) {
      const auto axis = static_cast<std::size_t>(batch + k);
      at += resolve_index(numbers[static_cast<std::size_t>(i * depth + k)], data.dim(axis)) * strides[axis];
    }
    starts[static_cast<std::size_t>(i)] = at;
  }
  copy_elements(outputs.allocate(0, data.type(), dims), data, context,
                [&](std::int64_t o) { return starts[static_cast<std::size_t>(o / part)] + o % part; });
}

}  // namespace

OpDef op_gather_nd() {
  return {.name = "GatherND",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"batch_dims", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
