// Split: consecutive parts along `axis`, of the extents in input 1, or of equal extents with a smaller last one.
// Importers removed: the split attribute of versions 1, 2 and 11.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

// The number of equal parts; the last outputs may be left out of a node.
std::size_t part_count(const Attributes& attributes, std::size_t outputs) {
  const std::int64_t parts = attributes.get_int("num_outputs", static_cast<std::int64_t>(outputs));
  if (parts < static_cast<std::int64_t>(outputs) || parts > (std::int64_t{1} << 20)) {
    fail(ErrorCode::kInvalidGraph, "num_outputs is {}, the node has {} outputs", parts, outputs);
  }
  return static_cast<std::size_t>(parts);
}

void infer(InferContext& c) {
  const ElementType element = c.element(0);
  const Shape& in = c.shape(0);
  const Attributes& a = c.attributes();
  const std::size_t parts = part_count(a, c.num_outputs());
  if (!in.is_ranked()) {
    for (std::size_t i = 0; i < c.num_outputs(); ++i) c.set(i, element, Shape::unranked());
    return;
  }
  const auto axis = static_cast<std::size_t>(normalize_axis(a.get_int("axis"), in.rank()));
  const Dim& extent = in[axis];
  std::vector<Dim> extents(parts, Dim::unknown(0, extent.max()));
  if (!c.has_input(1)) {
    const Dim chunk = ceil_div(extent, Dim(parts));
    for (Dim& e : extents) e = chunk;
    if (extent.is_known()) {
      // Too few elements for the parts are an error when it runs: branches that never run may ask for them.
      const std::int64_t last = extent.value() - chunk.value() * static_cast<std::int64_t>(parts - 1);
      extents.back() = last < 0 ? Dim::unknown(0, chunk.value()) : Dim(last);
    } else if (parts > 1) {
      extents.back() = (extent - chunk * Dim(parts - 1)).bounded(0, chunk.max());
    }
  } else if (const std::vector<Dim>* split = c.content(1)) {
    if (split->size() < parts) fail(ErrorCode::kInvalidGraph, "{} extents for {} outputs", split->size(), parts);
    Dim sum(0);
    extents.resize(split->size());
    for (std::size_t i = 0; i < split->size(); ++i) {
      if ((*split)[i].max() < 0)
        fail(ErrorCode::kInvalidGraph, "part {} has the extent {}", i, (*split)[i].to_string());
      extents[i] = (*split)[i].bounded(0, extent.max());
      sum = sum + (*split)[i];
    }
    if (!sum.may_equal(extent))
      fail(ErrorCode::kInvalidGraph, "the parts add up to {}, expected {}", sum.to_string(), extent.to_string());
  }
  const std::vector<Dim>* content = c.content(0);
  std::size_t first = 0;
  for (std::size_t i = 0; i < c.num_outputs(); ++i) {
    Shape out = in;
    out[axis] = extents[i];
    c.set(i, element, std::move(out));
    if (content == nullptr) continue;
    const std::size_t last = extents[i].is_known() ? first + static_cast<std::size_t>(extents[i].value()) : first;
    if (!extents[i].is_known() || last > content->size()) {
      content = nullptr;
      continue;
    }
    c.set_content(i, std::vector<Dim>(content->begin() + static_cast<std::ptrdiff_t>(first),
                                      content->begin() + static_cast<std::ptrdiff_t>(last)));
    first = last;
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), x.rank()));
  const auto parts = static_cast<std::int64_t>(part_count(inputs.attributes(), outputs.size()));
  const std::int64_t extent = x.dim(axis);
  std::vector<std::int64_t> extents;
  if (inputs.has(1)) {
    extents = inputs[1].to_i64();
    ORIEL_REQUIRE(static_cast<std::int64_t>(extents.size()) >= parts, "{} extents for {} outputs", extents.size(),
                  parts);
  } else {
    const std::int64_t chunk = (extent + parts - 1) / parts;
    extents.assign(static_cast<std::size_t>(parts), chunk);
    extents.back() = extent - chunk * (parts - 1);
  }
  std::int64_t rest = extent;
  for (const std::int64_t e : extents) {
    ORIEL_REQUIRE(e >= 0 && e <= rest, "parts of {} do not fit an extent of {}", to_string(Dims(extents)), extent);
    rest -= e;
  }
  ORIEL_REQUIRE(rest == 0, "parts of {} do not fill an extent of {}", to_string(Dims(extents)), extent);
  const Dims strides = row_major_strides(x.dims());
  std::int64_t first = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs.wanted(i)) {
      Dims dims = x.dims();
      dims[axis] = extents[i];
      copy_strided(outputs.allocate(i, x.type(), dims), x, strides, first * strides[axis], context);
    }
    first += extents[i];
  }
}

}  // namespace

OpDef op_split() {
  return {.name = "Split",
          .min_inputs = 1,
          .max_inputs = 2,
          .min_outputs = 1,
          .max_outputs = -1,
          .attributes = {{"axis", std::int64_t{0}}, {"num_outputs", std::int64_t{0}, AttributeDef::Need::kOptional}},
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
