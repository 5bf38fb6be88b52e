// TensorScatter: a cache in which update stands from write_indices[batch] on along `axis`, wrapped around where
// circular.
#include "ops/scatter.h"

namespace oriel::ops {
namespace {

std::size_t sequence_axis(const Attributes& attributes, std::size_t rank) {
  const std::int64_t axis = normalize_axis(attributes.get_int("axis"), rank);
  ORIEL_REQUIRE(axis != 0, "axis is the batch axis");
  const std::string& mode = attributes.get_string("mode");
  ORIEL_REQUIRE(mode == "linear" || mode == "circular", "unknown mode {}", mode);
  return static_cast<std::size_t>(axis);
}

void infer(InferContext& c) {
  require_same_element(c, 0, 1);
  if (c.shape(0).is_ranked()) sequence_axis(c.attributes(), c.shape(0).rank());
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& cache = inputs[0];
  const Tensor& update = inputs[1];
  const std::size_t axis = sequence_axis(inputs.attributes(), cache.rank());
  const bool circular = inputs.attributes().get_string("mode") == "circular";
  ORIEL_REQUIRE(update.rank() == cache.rank(), "cache {} and update {}", cache.description(), update.description());
  for (std::size_t i = 0; i < cache.rank(); ++i) {
    ORIEL_REQUIRE(i == axis ? update.dim(i) <= cache.dim(i) : update.dim(i) == cache.dim(i), "cache {} and update {}",
                  cache.description(), update.description());
  }
  std::vector<std::int64_t> starts(static_cast<std::size_t>(cache.dim(0)), 0);
  if (inputs.has(2)) starts = inputs[2].to_i64();
  ORIEL_REQUIRE(static_cast<std::int64_t>(starts.size()) == cache.dim(0), "{} write indices for a batch of {}",
                starts.size(), cache.dim(0));
  for (const std::int64_t s : starts) {
    ORIEL_REQUIRE(s >= 0 && (circular || s <= cache.dim(axis) - update.dim(axis)),
                  "{} elements at {} do not fit an extent of {}", update.dim(axis), s, cache.dim(axis));
  }
  Tensor& out = outputs.allocate(0, cache.type(), cache.dims());
  copy_all(out, cache, context);
  const AxisSplit from = split_at(update.dims(), axis);
  const std::int64_t extent = cache.dim(axis);
  scatter(out, update, "none", context, [&](std::int64_t i) {
    const std::int64_t outer = i / (from.inner * from.extent);
    const auto batch = static_cast<std::size_t>(outer / (from.outer / cache.dim(0)));
    const std::int64_t at = (starts[batch] % extent + i / from.inner % from.extent) % extent;
    return (outer * extent + at) * from.inner + i % from.inner;
  });
}

}  // namespace

OpDef op_tensor_scatter() {
  return {.name = "TensorScatter",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = {{"axis", std::int64_t{-2}}, {"mode", std::string("linear")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
