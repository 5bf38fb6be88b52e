// ScatterElements: a copy of data in which out[.., indices[i], ..] along `axis` is set to (or combined with)
// updates[i]. Importers removed: the old name Scatter.
#include "ops/scatter.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  infer_scatter(c);
  if (c.shape(0).is_ranked()) normalize_axis(c.attributes().get_int("axis"), c.shape(0).rank());
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& data = inputs[0];
  const Tensor& updates = inputs[2];
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), data.rank()));
  const Dims& dims = inputs[1].dims();
  ORIEL_REQUIRE(dims == updates.dims() && dims.size() == data.rank(), "data are {}, indices {}, updates {}",
                data.description(), inputs[1].description(), updates.description());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    ORIEL_REQUIRE(i == axis || dims[i] <= data.dim(i), "indices {} do not fit data {}", to_string(dims),
                  to_string(data.dims()));
  }
  std::vector<std::int64_t> indices = inputs[1].to_i64();
  for (std::int64_t& i : indices) i = resolve_index(i, data.dim(axis));
  Tensor& out = outputs.allocate(0, data.type(), data.dims());
  copy_all(out, data, context);
  const Dims strides = row_major_strides(data.dims());
  Dims index(dims.size(), 0);
  scatter(out, updates, inputs.attributes().get_string("reduction"), context, [&](std::int64_t i) {
    const std::int64_t at =
        ravel(index, strides) + (indices[static_cast<std::size_t>(i)] - index[axis]) * strides[axis];
    advance(index, dims);
    return at;
  });
}

}  // namespace

OpDef op_scatter_elements() {
  return {.name = "ScatterElements",
          .min_inputs = 3,
          .max_inputs = 3,
          .attributes = {{"axis", std::int64_t{0}}, {"reduction", std::string("none")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
