// Concat: operands joined along one axis.
// Importers removed: the default axis 1 of version 1.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  for (std::size_t i = 1; i < c.num_inputs(); ++i) require_same_element(c, 0, i);
  Shape out = Shape::unranked();
  for (std::size_t i = 0; i < c.num_inputs() && !out.is_ranked(); ++i) out = c.shape(i);
  if (!out.is_ranked()) {
    c.set(0, c.element(0), out);
    return;
  }
  const auto axis = static_cast<std::size_t>(normalize_axis(c.attributes().get_int("axis"), out.rank()));
  Dim total(0);
  for (std::size_t i = 0; i < c.num_inputs(); ++i) {
    const Shape& s = c.shape(i);
    if (!s.is_ranked()) {
      total = Dim::unknown();
      continue;
    }
    if (s.rank() != out.rank()) {
      fail(ErrorCode::kInvalidGraph, "input {} has the shape {}, expected rank {}", i, s.to_string(), out.rank());
    }
    total = total + s[axis];
    for (std::size_t d = 0; d < s.rank(); ++d) {
      if (d == axis) continue;
      if (!s[d].may_equal(out[d])) {
        fail(ErrorCode::kInvalidGraph, "input {} has the shape {}, which does not fit {} on axis {}", i, s.to_string(),
             out.to_string(), d);
      }
      if (s[d].is_known()) out[d] = s[d];
    }
  }
  out[axis] = total;
  c.set(0, c.element(0), out);
  if (out.rank() != 1) return;
  std::vector<Dim> content;
  for (std::size_t i = 0; i < c.num_inputs(); ++i) {
    if (c.content(i) == nullptr) return;
    content.insert(content.end(), c.content(i)->begin(), c.content(i)->end());
  }
  c.set_content(0, std::move(content));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  Dims dims = inputs[0].dims();
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), dims.size()));
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const Dims& other = inputs[i].dims();
    ORIEL_REQUIRE(other.size() == dims.size(), "input {} has rank {}, expected {}", i, other.size(), dims.size());
    for (std::size_t d = 0; d < dims.size(); ++d) {
      ORIEL_REQUIRE(d == axis || other[d] == dims[d], "input {} has {} on axis {}, expected {}", i, other[d], d,
                    dims[d]);
    }
    dims[axis] += other[axis];
  }
  Tensor& out = outputs.allocate(0, inputs[0].type(), dims);
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < dims.size(); ++d) inner *= dims[d];
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::int64_t extent = inputs[i].dim(axis);
    copy_elements(out, inputs[i], context, [&](std::int64_t o) {
      const std::int64_t along = o / inner % dims[axis] - offset;
      if (along < 0 || along >= extent) return std::int64_t{-1};
      return (o / (inner * dims[axis]) * extent + along) * inner + o % inner;
    });
    offset += extent;
  }
}

}  // namespace

OpDef op_concat() {
  return {.name = "Concat",
          .min_inputs = 1,
          .max_inputs = -1,
          .attributes = {{"axis", std::int64_t{0}, AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
