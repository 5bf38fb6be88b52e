// ScatterND: a copy of data in which the part at indices[i.., :] (a prefix of an index) is set to (or combined with)
// updates[i.., ..].
#include "ops/scatter.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& data = inputs[0];
  const Tensor& indices = inputs[1];
  const Tensor& updates = inputs[2];
  ORIEL_REQUIRE(indices.rank() >= 1, "indices are a scalar");
  const std::int64_t depth = indices.dim(indices.rank() - 1);
  ORIEL_REQUIRE(depth <= static_cast<std::int64_t>(data.rank()), "indices of {} numbers for rank {}", depth,
                data.rank());
  Dims wanted(indices.dims().begin(), indices.dims().end() - 1);
  std::int64_t part = 1;
  for (std::size_t i = static_cast<std::size_t>(depth); i < data.rank(); ++i) {
    wanted.push_back(data.dim(i));
    part *= data.dim(i);
  }
  ORIEL_REQUIRE(updates.dims() == wanted, "updates have the shape {}, expected {}", to_string(updates.dims()),
                to_string(wanted));
  const Dims strides = row_major_strides(data.dims());
  const std::vector<std::int64_t> numbers = indices.to_i64();
  std::vector<std::int64_t> starts(part == 0 ? 0 : static_cast<std::size_t>(updates.size() / part));
  for (std::size_t i = 0; i < starts.size(); ++i) {
    for (std::size_t k = 0; k < static_cast<std::size_t>(depth); ++k) {
      starts[i] += resolve_index(numbers[i * static_cast<std::size_t>(depth) + k], data.dim(k)) * strides[k];
    }
  }
  Tensor& out = outputs.allocate(0, data.type(), data.dims());
  copy_all(out, data, context);
  scatter(out, updates, inputs.attributes().get_string("reduction"), context,
          [&](std::int64_t i) { return starts[static_cast<std::size_t>(i / part)] + i % part; });
}

}  // namespace

OpDef op_scatter_nd() {
  return {.name = "ScatterND",
          .min_inputs = 3,
          .max_inputs = 3,
          .attributes = {{"reduction", std::string("none")}},
          .infer = infer_scatter,
          .reference = reference};
}

}  // namespace oriel::ops
