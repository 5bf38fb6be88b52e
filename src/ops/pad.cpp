// Pad: pads[i] elements before and pads[i + n] after axis axes[i]; negative pads remove elements, before anything is
// added. constant: the value of input 2 (0). edge: the nearest element. reflect: mirrored without repeating the border.
// wrap: a torus. Importers removed: the paddings, pads and value attributes of versions 1 and 2.
#include "ops/pad.h"

#include "ops/movement.h"

namespace oriel::ops {

PadMode pad_mode(const std::string& name) {
  if (name == "constant") return PadMode::kConstant;
  if (name == "edge") return PadMode::kEdge;
  if (name == "reflect") return PadMode::kReflect;
  if (name == "wrap") return PadMode::kWrap;
  fail(ErrorCode::kInvalidGraph, "unknown mode {}", name);
}

void check_pads(PadMode mode, std::int64_t extent, std::int64_t before, std::int64_t after) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 48;
  for (const std::int64_t p : {before, after}) ORIEL_REQUIRE(p > -kLimit && p < kLimit, "a pad is {}", p);
  const std::int64_t total = extent + before + after;
  ORIEL_REQUIRE(total >= 0, "pads of {} and {} leave nothing of an extent of {}", before, after, extent);
  const std::int64_t kept = extent - std::max<std::int64_t>(0, -before) - std::max<std::int64_t>(0, -after);
  ORIEL_REQUIRE(kept > 0 || total == 0 || mode == PadMode::kConstant,
                "mode needs elements, an extent of {} with pads of {} and {} leaves none", extent, before, after);
}

std::int64_t padded_index(PadMode mode, std::int64_t i, std::int64_t kept) {
  if (mode == PadMode::kEdge) return std::clamp<std::int64_t>(i, 0, kept - 1);
  if (mode == PadMode::kWrap) return (i % kept + kept) % kept;
  const std::int64_t period = std::max<std::int64_t>(2 * (kept - 1), 1);
  i = (i % period + period) % period;
  return i >= kept ? period - i : i;
}

namespace {

void infer(InferContext& c) {
  pad_mode(c.attributes().get_string("mode"));
  const ElementType element = c.element(0);
  if (c.has_input(2)) require_same_element(c, 0, 2);
  const Shape& in = c.shape(0);
  if (!in.is_ranked()) {
    c.set(0, element, Shape::unranked());
    return;
  }
  const std::vector<Dim>* pads = c.content(1);
  std::vector<std::int64_t> axes;
  bool known = pads != nullptr;
  if (!c.has_input(3)) {
    for (std::size_t i = 0; i < in.rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  } else if (!c.known_content(3, axes)) {
    known = false;
  }
  Shape out = Shape::of_rank(in.rank());
  if (known) {
    const std::vector<std::size_t> resolved = resolve_axes(axes, in.rank());
    if (pads->size() != 2 * resolved.size())
      fail(ErrorCode::kInvalidGraph, "{} pads for {} axes", pads->size(), resolved.size());
    out = in;
    for (std::size_t i = 0; i < resolved.size(); ++i) {
      Dim& d = out[resolved[i]];
      const Dim sum = d + (*pads)[i] + (*pads)[i + resolved.size()];
      if (sum.max() < 0)
        fail(ErrorCode::kInvalidGraph, "pads leave {} elements on axis {}", sum.to_string(), resolved[i]);
      d = sum.bounded(0, kUnboundedDim);
    }
  }
  c.set(0, element, std::move(out));
}

// For every output index on an axis the input index that it reads, or -1 for the constant.
std::vector<std::int64_t> sources(PadMode mode, std::int64_t extent, std::int64_t before, std::int64_t after) {
  check_pads(mode, extent, before, after);
  const std::int64_t low = std::max<std::int64_t>(0, -before);
  const std::int64_t kept = extent - low - std::max<std::int64_t>(0, -after);
  std::vector<std::int64_t> from(static_cast<std::size_t>(extent + before + after), -1);
  for (std::size_t o = 0; o < from.size(); ++o) {
    const std::int64_t i = static_cast<std::int64_t>(o) - std::max<std::int64_t>(before, 0);
    if (i >= 0 && i < kept) {
      from[o] = low + i;
    } else if (mode != PadMode::kConstant) {
      from[o] = low + padded_index(mode, i, kept);
    }
  }
  return from;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const PadMode mode = pad_mode(inputs.attributes().get_string("mode"));
  const std::vector<std::int64_t> pads = inputs[1].to_i64();
  std::vector<std::int64_t> axes;
  if (inputs.has(3)) {
    axes = inputs[3].to_i64();
  } else {
    for (std::size_t i = 0; i < x.rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  const std::vector<std::size_t> resolved = resolve_axes(axes, x.rank());
  ORIEL_REQUIRE(pads.size() == 2 * resolved.size(), "{} pads for {} axes", pads.size(), resolved.size());
  Dims before(x.rank(), 0);
  Dims after(x.rank(), 0);
  for (std::size_t i = 0; i < resolved.size(); ++i) {
    before[resolved[i]] = pads[i];
    after[resolved[i]] = pads[i + resolved.size()];
    check_pads(mode, x.dim(resolved[i]), pads[i], pads[i + resolved.size()]);
  }
  Dims dims = x.dims();
  for (std::size_t axis = 0; axis < x.rank(); ++axis) dims[axis] += before[axis] + after[axis];
  Tensor& out = outputs.allocate(0, x.type(), dims);
  if (mode == PadMode::kConstant) {
    if (inputs.has(2)) {
      fill_with(out, inputs[2], context);
    } else {
      fill_zero(out);
    }
  }
  std::vector<std::vector<std::int64_t>> from;
  for (std::size_t axis = 0; axis < x.rank(); ++axis)
    from.push_back(sources(mode, x.dim(axis), before[axis], after[axis]));
  const Dims strides = row_major_strides(x.dims());
  Dims index(dims.size(), 0);
  copy_elements(out, x, context, [&](std::int64_t) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < dims.size() && at >= 0; ++axis) {
      const std::int64_t i = from[axis][static_cast<std::size_t>(index[axis])];
      at = i < 0 ? -1 : at + i * strides[axis];
    }
    advance(index, dims);
    return at;
  });
}

}  // namespace

OpDef op_pad() {
  return {.name = "Pad",
          .min_inputs = 2,
          .max_inputs = 4,
          .attributes = {{"mode", std::string("constant")}},
          .traits = {.shape_operands = 0b1010},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
