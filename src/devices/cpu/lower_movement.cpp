// Views and the operators that move whole regions: transpose, concatenate, slice, split, expand, tile, pad.
#include "devices/cpu/movement.h"
#include "ops/center_crop_pad.h"
#include "ops/pad.h"
#include "ops/reshape.h"
#include "ops/slice.h"

namespace oriel::cpu {
namespace {

// Views

// Whether the dimensions of a node's output follow from symbols that are known before it runs.
bool follows_from_symbols(const Node& node) {
  const Shape& shape = node.output()->shape();
  if (!shape.is_ranked()) return false;
  const SymbolTable& table = *node.graph().symbols();
  std::vector<SymbolId> before;
  for (const Value* v : node.inputs()) {
    if (v == nullptr) continue;
    if (v->shape().is_ranked()) {
      for (const Dim& d : v->shape().dims()) table.collect(d, before);
    }
    if (v->content() != nullptr) {
      for (const Dim& d : *v->content()) table.collect(d, before);
    }
  }
  std::vector<SymbolId> after;
  for (const Dim& d : shape.dims()) {
    if (!d.has_expression()) return false;
    table.collect(d, after);
  }
  return std::all_of(after.begin(), after.end(), [&](SymbolId id) {
    return table.symbol(id).kind != SymbolTable::Kind::kFresh ||
           std::find(before.begin(), before.end(), id) != before.end();
  });
}

// Dimensions under the run's symbols; one that they leave open takes what the others leave of `elements`.
Dims evaluate(const std::vector<Dim>& dims, std::int64_t elements, const Bindings& symbols) {
  Dims result;
  int open = -1;
  std::int64_t known = 1;
  for (const Dim& d : dims) {
    const std::int64_t value = d.evaluate(symbols);
    if (value < 0) {
      ORIEL_REQUIRE(open < 0, "the dimensions {} and {} are unknown", dims[static_cast<std::size_t>(open)].to_string(),
                    d.to_string());
      open = static_cast<int>(result.size());
    } else {
      known *= value;
    }
    result.push_back(value);
  }
  if (open >= 0) result[static_cast<std::size_t>(open)] = known == 0 ? 0 : elements / known;
  return result;
}

Dims squeeze_dims(const Tensor& x, const Inputs& inputs) {
  const bool given = inputs.has(1);
  const Dims axes = given ? read_axes(read_integers(inputs[1]), x.rank()) : Dims();
  Dims dims;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    const bool drop =
        given ? std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) != axes.end() : x.dim(i) == 1;
    ORIEL_REQUIRE(!drop || x.dim(i) == 1, "axis {} of {} is not 1", i, to_string(x.dims()));
    if (!drop) dims.push_back(x.dim(i));
  }
  return dims;
}

Dims unsqueeze_dims(const Tensor& x, const Dims& given) {
  const std::size_t rank = x.rank() + given.size();
  const Dims axes = read_axes(given, rank);
  Dims dims;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rank; ++i) {
    const bool added = std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) != axes.end();
    dims.push_back(added ? 1 : x.dim(next++));
  }
  return dims;
}

Dims flatten_dims(const Tensor& x, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(x.rank());
  ORIEL_REQUIRE(axis >= -rank && axis <= rank, "axis {} out of range for rank {}", axis, rank);
  if (axis < 0) axis += rank;
  Dims dims{1, 1};
  for (std::int64_t i = 0; i < rank; ++i) dims[i < axis ? 0 : 1] *= x.dim(static_cast<std::size_t>(i));
  return dims;
}

enum class View { kReshape, kSqueeze, kUnsqueeze, kFlatten, kIdentity };

View view_of(const Node& node) {
  const std::string& name = node.op().name;
  if (name == "Reshape") return View::kReshape;
  if (name == "Squeeze") return View::kSqueeze;
  if (name == "Unsqueeze") return View::kUnsqueeze;
  return name == "Flatten" ? View::kFlatten : View::kIdentity;
}

std::string decline_view(const Node& node, const CompileOptions&) {
  return node.input(0)->type().is_tensor() ? std::string() : std::string("the operand is no tensor");
}

// In whole blocks with one point a channel both layouts are the same bytes.
bool view_reads_blocked(const Node& node, std::size_t input) {
  const Shape& s = node.input(0)->shape();
  return input == 0 && node.input(0)->element() == ElementType::kF32 && whole_blocks(s) &&
         std::all_of(s.dims().begin() + 2, s.dims().end(), [](const Dim& d) { return d.is_known() && d.value() == 1; });
}

void lower_view(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const View view = view_of(node);
  const bool symbolic = view != View::kIdentity && follows_from_symbols(node);
  const Value* x = node.input(0);
  Lowering::StepSpec spec;
  spec.inputs = {lowering.is_blocked(x) && view_reads_blocked(node, 0) ? lowering.blocked(x) : lowering.plain(x)};
  if (!symbolic && node.input(1) != nullptr) spec.inputs.push_back(lowering.plain(node.input(1)));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.view = true;
  spec.kernel = "view";
  spec.algorithm = symbolic ? "symbols" : "operands";
  if (symbolic) {
    spec.run = [dims = node.output()->shape().dims()](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
      outputs.set(0, inputs[0].reshaped(evaluate(dims, inputs[0].size(), context.symbols)));
    };
  } else {
    const bool allow_zero = node.attributes().get_int("allowzero", 0) != 0;
    spec.run = [view, allow_zero, axis = node.attributes().get_int("axis", 1)](const Inputs& inputs,
                                                                               OutputSink& outputs, RunContext&) {
      const Tensor& x = inputs[0];
      switch (view) {
        case View::kReshape:
          return outputs.set(0, x.reshaped(ops::reshape_dims(x.dims(), read_integers(inputs[1]), allow_zero)));
        case View::kSqueeze:
          return outputs.set(0, x.reshaped(squeeze_dims(x, inputs)));
        case View::kUnsqueeze:
          return outputs.set(0, x.reshaped(unsqueeze_dims(x, read_integers(inputs[1]))));
        case View::kFlatten:
          return outputs.set(0, x.reshaped(flatten_dims(x, axis)));
        case View::kIdentity:
          return outputs.set(0, x);
      }
    };
  }
  lowering.step(unit, std::move(spec));
}

// Dropout outside training: the operand as it stands, and a mask of ones.

std::string decline_dropout(const Node& node, const CompileOptions&) {
  if (node.input(2) == nullptr) return {};
  const std::optional<double> ratio = node.input(1) == nullptr ? 0.5 : constant_scalar(node.input(1));
  const Value* training = node.input(2);
  if (!training->is_constant() || training->constant()->size() != 1) return "a training_mode that is no constant";
  if (element_as_i64(*training->constant(), 0) == 0 || ratio == 0.0) return {};
  return "training mode";
}

void lower_dropout(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Value* x = node.input(0);
  if (output_wanted(lowering, node, 0)) {
    Lowering::StepSpec spec;
    spec.inputs = {lowering.plain(x)};
    spec.outputs = {lowering.plain_output(node.output())};
    spec.view = true;
    spec.kernel = "view";
    spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext&) { outputs.set(0, inputs[0]); };
    lowering.step(unit, std::move(spec));
  }
  if (node.num_outputs() < 2 || !output_wanted(lowering, node, 1)) return;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(x)};
  spec.outputs = {lowering.plain_output(node.output(1))};
  spec.kernel = "fill";
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    Tensor& mask = outputs.allocate(0, ElementType::kBool, inputs[0].dims());
    const std::uint8_t one = 1;
    fill_elements(context, mask.raw(), mask.size(), 1, &one);
  };
  lowering.step(unit, std::move(spec));
}

// Layouts

bool f32_of_rank_3(const Value* v) {
  return v->element() == ElementType::kF32 && v->shape().is_ranked() && v->shape().rank() >= 3;
}

// Room for the lanes of two split axes.
constexpr std::size_t kMaxLayoutRank = kernels::kMaxCopyRank - 2;

std::string decline_layout(const Node& node, const CompileOptions&) { return decline_moved(node, kMaxLayoutRank); }

// Transpose

bool transpose_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && f32_of_rank_3(node.input(0)) && whole_blocks(node.input(0)->shape());
}

void lower_transpose(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Value* x = node.input(0);
  const bool from_blocked = lowering.is_blocked(x) && transpose_reads_blocked(node, 0);
  const bool to_blocked = f32_of_rank_3(unit.output) && whole_blocks(unit.output->shape()) &&
                          lowering.wanted_blocked(unit.output) && !lowering.leaves(unit.output);
  Lowering::StepSpec spec;
  spec.inputs = {from_blocked ? lowering.blocked(x) : lowering.plain(x)};
  spec.outputs = {to_blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.kernel = "transpose";
  spec.algorithm = from_blocked || to_blocked ? "blocked" : "plain";
  const bool given = node.attributes().has("perm");
  const Dims perm = given ? Dims(node.attributes().get_ints("perm")) : Dims();
  const int bytes = fixed_bytes(x->element());
  spec.run = [=](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    const std::size_t rank = in.rank();
    Dims order = perm;
    if (given) {
      ORIEL_REQUIRE(perm.size() == rank, "perm has {} entries for rank {}", perm.size(), rank);
      order = read_axes(perm, rank);
    } else {
      for (std::size_t i = rank; i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    }
    Dims dims;
    for (const std::int64_t axis : order) dims.push_back(in.dim(static_cast<std::size_t>(axis)));
    Tensor& out = outputs.allocate(0, in.type(), dims);
    const Placement from = placement_of(in.dims(), from_blocked);
    const Placement to = placement_of(dims, to_blocked);
    Region region;
    for (std::size_t b = 0; b < rank; ++b) {
      const auto a = static_cast<std::size_t>(order[b]);
      region.add(dims[b], from, a, to, b, (from_blocked && a == 1) || (to_blocked && b == 1));
    }
    region.copy(context, bytes, in.raw(), out.raw());
  };
  lowering.step(unit, std::move(spec));
}

// Concat

std::size_t axis_of(const Node& node, const Shape& shape) {
  return static_cast<std::size_t>(normalize_axis(node.attributes().get_int("axis"), shape.rank()));
}

// Along the channels every part but the last has to fill its blocks.
bool concat_keeps_blocks(const Node& node) {
  const Shape& out = node.output()->shape();
  if (!f32_of_rank_3(node.output())) return false;
  const std::size_t axis = axis_of(node, out);
  for (std::size_t i = 0; i < node.num_inputs(); ++i) {
    const Shape& s = node.input(i)->shape();
    if (!s.is_ranked() || s.rank() != out.rank() || !s[1].is_known()) return false;
    if (axis == 1 && i + 1 < node.num_inputs() && s[1].value() % 16 != 0) return false;
  }
  return true;
}

bool concat_reads_blocked(const Node& node, std::size_t) { return concat_keeps_blocks(node); }

void lower_concat(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool eligible = concat_keeps_blocks(node);
  bool any_blocked = false;
  for (const Value* v : node.inputs()) any_blocked = any_blocked || lowering.is_blocked(v);
  const bool to_blocked = eligible && any_blocked && lowering.wanted_blocked(unit.output);
  Lowering::StepSpec spec;
  std::vector<bool> from_blocked;
  for (const Value* v : node.inputs()) {
    const bool whole = whole_blocks(v->shape());
    const bool blocked = eligible && (lowering.is_blocked(v) ? to_blocked || whole : to_blocked && !whole);
    from_blocked.push_back(blocked);
    spec.inputs.push_back(blocked ? lowering.blocked(v) : lowering.plain(v));
  }
  spec.outputs = {to_blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.kernel = "concat";
  spec.algorithm = to_blocked ? "blocked" : "plain";
  const int bytes = fixed_bytes(unit.output->element());
  spec.run = [bytes, to_blocked, from_blocked, given_axis = node.attributes().get_int("axis")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    Dims dims = inputs[0].dims();
    const auto axis = static_cast<std::size_t>(normalize_axis(given_axis, dims.size()));
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      const Dims& other = inputs[i].dims();
      ORIEL_REQUIRE(other.size() == dims.size(), "input {} has rank {}, expected {}", i, other.size(), dims.size());
      ORIEL_REQUIRE(inputs[i].type() == inputs[0].type(), "input {} is {}, expected {}", i, inputs[i].description(),
                    element_name(inputs[0].type()));
      for (std::size_t d = 0; d < dims.size(); ++d) {
        ORIEL_REQUIRE(d == axis || other[d] == dims[d], "input {} has {} on axis {}, expected {}", i, other[d], d,
                      dims[d]);
      }
      dims[axis] += other[axis];
    }
    Tensor& out = outputs.allocate(0, inputs[0].type(), dims);
    const Placement to = placement_of(dims, to_blocked);
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& in = inputs[i];
      const Placement from = placement_of(in.dims(), from_blocked[i]);
      Region region;
      for (std::size_t d = 0; d < dims.size(); ++d)
        region.add(in.dim(d), from, d, to, d, d == 1 && (to_blocked || from_blocked[i]));
      const std::int64_t start = axis == 1 && to_blocked ? offset / 16 * to.block : offset * to.stride[axis];
      region.copy(context, bytes, in.raw(), at(out.raw(), start, bytes));
      offset += in.dim(axis);
    }
  };
  lowering.step(unit, std::move(spec));
}

// Slice

const Tensor* constant_of(const Value* v) { return v == nullptr ? nullptr : v->constant(); }

// Whether a slice is known before the run and cuts channels between blocks only.
bool slice_keeps_blocks(const Node& node) {
  const Value* x = node.input(0);
  if (!f32_of_rank_3(x) || !x->shape()[1].is_known() || constant_of(node.input(1)) == nullptr ||
      constant_of(node.input(2)) == nullptr)
    return false;
  if ((node.input(3) != nullptr && constant_of(node.input(3)) == nullptr) ||
      (node.input(4) != nullptr && constant_of(node.input(4)) == nullptr)) {
    return false;
  }
  const Dims starts = read_integers(*constant_of(node.input(1)));
  const Dims ends = read_integers(*constant_of(node.input(2)));
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t axis = node.input(3) == nullptr
                                  ? static_cast<std::int64_t>(i)
                                  : normalize_axis(read_integers(*constant_of(node.input(3)))[i], x->shape().rank());
    if (axis != 1) continue;
    const std::int64_t step = node.input(4) == nullptr ? 1 : read_integers(*constant_of(node.input(4)))[i];
    const ops::Span span = ops::span_of(starts[i], ends[i], step, x->shape()[1].value());
    if (step != 1 || span.start % 16 != 0 || span.count % 16 != 0 || span.count == 0) return false;
  }
  return true;
}

bool slice_reads_blocked(const Node& node, std::size_t input) { return input == 0 && slice_keeps_blocks(node); }

void lower_slice(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Value* x = node.input(0);
  bool from_blocked = lowering.is_blocked(x) && slice_keeps_blocks(node);
  const bool to_blocked = from_blocked && lowering.wanted_blocked(unit.output);
  if (!to_blocked && !whole_blocks(x->shape())) from_blocked = false;
  Lowering::StepSpec spec;
  spec.inputs = {from_blocked ? lowering.blocked(x) : lowering.plain(x)};
  for (std::size_t i = 1; i < node.num_inputs(); ++i) spec.inputs.push_back(lowering.plain(node.input(i)));
  spec.outputs = {to_blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.kernel = "slice";
  spec.algorithm = from_blocked ? "blocked" : "plain";
  const int bytes = fixed_bytes(x->element());
  spec.run = [=](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    const Dims starts = read_integers(inputs[1]);
    const Dims ends = read_integers(inputs[2]);
    Dims axes;
    if (inputs.has(3)) {
      axes = read_integers(inputs[3]);
    } else {
      for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    }
    const Dims steps = inputs.has(4) ? read_integers(inputs[4]) : Dims(starts.size(), 1);
    ORIEL_REQUIRE(starts.size() == axes.size() && ends.size() == axes.size() && steps.size() == axes.size(),
                  "{} starts, {} ends, {} axes and {} steps", starts.size(), ends.size(), axes.size(), steps.size());
    axes = read_axes(axes, in.rank());
    Dims dims = in.dims();
    Placement from = placement_of(dims, from_blocked);
    std::int64_t base = 0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto axis = static_cast<std::size_t>(axes[i]);
      const ops::Span span = ops::span_of(starts[i], ends[i], steps[i], in.dim(axis));
      dims[axis] = span.count;
      if (from_blocked && axis == 1) {
        base += span.start / 16 * from.block;
        continue;
      }
      base += span.start * from.stride[axis];
      from.stride[axis] = span.count > 1 ? from.stride[axis] * steps[i] : 0;
    }
    Tensor& out = outputs.allocate(0, in.type(), dims);
    if (out.size() == 0) return;
    const Placement to = placement_of(dims, to_blocked);
    Region region;
    for (std::size_t d = 0; d < dims.size(); ++d) region.add(dims[d], from, d, to, d, d == 1 && from_blocked);
    region.copy(context, bytes, at(in.raw(), base, bytes), out.raw());
  };
  lowering.step(unit, std::move(spec));
}

// Split

bool split_keeps_blocks(const Node& node) {
  const Value* x = node.input(0);
  if (!f32_of_rank_3(x) || !x->shape()[1].is_known()) return false;
  if (axis_of(node, x->shape()) != 1) return true;
  for (std::size_t i = 0; i < node.num_outputs(); ++i) {
    const Shape& s = node.output(i)->shape();
    if (!s.is_ranked() || s.rank() < 3 || !s[1].is_known()) return false;
    if (s[1].value() % 16 != 0) return false;
  }
  return true;
}

bool split_reads_blocked(const Node& node, std::size_t input) { return input == 0 && split_keeps_blocks(node); }

void lower_split(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Value* x = node.input(0);
  // A plain part of a blocked tensor is copied lane by lane, which takes whole blocks.
  bool from_blocked = lowering.is_blocked(x) && split_keeps_blocks(node);
  if (from_blocked && !whole_blocks(x->shape())) {
    for (std::size_t i = 0; i < node.num_outputs(); ++i)
      from_blocked = from_blocked && lowering.wanted_blocked(node.output(i));
  }
  Lowering::StepSpec spec;
  spec.inputs = {from_blocked ? lowering.blocked(x) : lowering.plain(x)};
  if (node.input(1) != nullptr) spec.inputs.push_back(lowering.plain(node.input(1)));
  std::vector<bool> to_blocked;
  for (std::size_t i = 0; i < node.num_outputs(); ++i) {
    const Value* v = node.output(i);
    to_blocked.push_back(from_blocked && lowering.wanted_blocked(v));
    spec.outputs.push_back(!output_wanted(lowering, node, i) ? -1
                           : to_blocked[i]                   ? lowering.blocked_output(v)
                                                             : lowering.plain_output(v));
  }
  spec.kernel = "split";
  spec.algorithm = from_blocked ? "blocked" : "plain";
  const int bytes = fixed_bytes(x->element());
  const std::int64_t named = node.attributes().get_int("num_outputs", 0);
  const std::int64_t given_axis = node.attributes().get_int("axis");
  spec.run = [=](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    const auto axis = static_cast<std::size_t>(normalize_axis(given_axis, in.rank()));
    const std::int64_t extent = in.dim(axis);
    const auto parts = static_cast<std::int64_t>(outputs.size());
    Dims extents;
    if (inputs.has(1)) {
      extents = read_integers(inputs[1]);
      ORIEL_REQUIRE(static_cast<std::int64_t>(extents.size()) >= parts, "{} extents for {} outputs", extents.size(),
                    parts);
    } else {
      const std::int64_t count = std::max(named, parts);
      const std::int64_t chunk = (extent + count - 1) / count;
      extents.assign(static_cast<std::size_t>(count), chunk);
      extents.back() = extent - chunk * (count - 1);
    }
    std::int64_t rest = extent;
    for (const std::int64_t e : extents) {
      ORIEL_REQUIRE(e >= 0 && e <= rest, "parts of {} do not fit an extent of {}", to_string(extents), extent);
      rest -= e;
    }
    ORIEL_REQUIRE(rest == 0, "parts of {} do not fill an extent of {}", to_string(extents), extent);
    const Placement from = placement_of(in.dims(), from_blocked);
    std::int64_t first = 0;
    for (std::size_t i = 0; i < outputs.size(); first += extents[i], ++i) {
      if (!outputs.wanted(i)) continue;
      Dims dims = in.dims();
      dims[axis] = extents[i];
      Tensor& out = outputs.allocate(i, in.type(), dims);
      if (out.size() == 0) continue;
      const Placement to = placement_of(dims, to_blocked[i]);
      Region region;
      for (std::size_t d = 0; d < dims.size(); ++d) region.add(dims[d], from, d, to, d, d == 1 && from_blocked);
      const std::int64_t base = from_blocked && axis == 1 ? first / 16 * from.block : first * from.stride[axis];
      region.copy(context, bytes, at(in.raw(), base, bytes), out.raw());
    }
  };
  lowering.step(unit, std::move(spec));
}

// Expand and Tile

std::string decline_expand(const Node& node, const CompileOptions&) { return decline_moved(node); }

void lower_expand(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0)), lowering.plain(node.input(1))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "expand";
  spec.run = [bytes = fixed_bytes(node.input(0)->element())](const Inputs& inputs, OutputSink& outputs,
                                                             RunContext& context) {
    const Tensor& in = inputs[0];
    const Dims dims = broadcast(in.dims(), read_integers(inputs[1]));
    Tensor& out = outputs.allocate(0, in.type(), dims);
    if (out.size() == 0) return;
    if (out.size() == in.size()) return copy_bytes(context, in.raw(), out.raw(), in.bytes());
    if (in.size() == 1) return fill_elements(context, out.raw(), out.size(), bytes, in.raw());
    const Dims from = row_major_strides(in.dims());
    const Dims to = row_major_strides(dims);
    const std::size_t lead = dims.size() - in.rank();
    Region region;
    for (std::size_t d = 0; d < dims.size(); ++d)
      region.add(dims[d], d < lead || in.dim(d - lead) == 1 ? 0 : from[d - lead], to[d]);
    region.copy(context, bytes, in.raw(), out.raw());
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_tile(const Node& node, const CompileOptions&) {
  return decline_moved(node, kernels::kMaxCopyRank / 2);
}

void lower_tile(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0)), lowering.plain(node.input(1))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "tile";
  spec.run = [bytes = fixed_bytes(node.input(0)->element())](const Inputs& inputs, OutputSink& outputs,
                                                             RunContext& context) {
    const Tensor& in = inputs[0];
    const Dims repeats = read_integers(inputs[1]);
    ORIEL_REQUIRE(repeats.size() == in.rank(), "{} repeats for rank {}", repeats.size(), in.rank());
    Dims dims = in.dims();
    for (std::size_t i = 0; i < dims.size(); ++i) {
      ORIEL_REQUIRE(repeats[i] >= 0 && !__builtin_mul_overflow(dims[i], repeats[i], &dims[i]),
                    "axis {} is repeated {} times", i, repeats[i]);
    }
    Tensor& out = outputs.allocate(0, in.type(), dims);
    if (out.size() == 0) return;
    const Dims from = row_major_strides(in.dims());
    const Dims to = row_major_strides(dims);
    Region region;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      region.add(repeats[d], 0, to[d] * in.dim(d));
      region.add(in.dim(d), from[d], to[d]);
    }
    region.copy(context, bytes, in.raw(), out.raw());
  };
  lowering.step(unit, std::move(spec));
}

// Pad

std::string decline_pad(const Node& node, const CompileOptions&) { return decline_moved(node); }

// What pads do to an axis: `kept` elements from `low` on, with `before` new ones ahead of them.
struct PadAxis {
  std::int64_t low = 0;
  std::int64_t kept = 0;
  std::int64_t before = 0;
  std::int64_t total = 0;
};

// Fills out's elements that lie outside the kept region on some axis with `value`.
void fill_border(RunContext& context, const SmallVector<PadAxis, 8>& axes, const Dims& to, int bytes, const void* value,
                 char* out) {
  // The borders of axis d for indices inside the kept region of the axes before it.
  for (std::size_t d = 0; d < axes.size(); ++d) {
    std::int64_t base = 0;
    for (std::size_t i = 0; i < d; ++i) base += axes[i].before * to[i];
    const std::int64_t spans[2][2] = {{0, axes[d].before}, {axes[d].before + axes[d].kept, axes[d].total}};
    for (const auto& span : spans) {
      if (span[0] == span[1]) continue;
      Region region;
      for (std::size_t i = 0; i < axes.size(); ++i)
        region.add(i < d ? axes[i].kept : i == d ? span[1] - span[0] : axes[i].total, 0, to[i]);
      region.copy(context, bytes, value, at(out, base + span[0] * to[d], bytes));
    }
  }
}

void lower_pad(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "pad";
  const ops::PadMode mode = ops::pad_mode(node.attributes().get_string("mode"));
  spec.algorithm = node.attributes().get_string("mode");
  spec.run = [mode, bytes = fixed_bytes(node.input(0)->element())](const Inputs& inputs, OutputSink& outputs,
                                                                   RunContext& context) {
    const Tensor& in = inputs[0];
    const std::size_t rank = in.rank();
    const Dims pads = read_integers(inputs[1]);
    Dims which;
    if (inputs.has(3)) {
      which = read_axes(read_integers(inputs[3]), rank);
    } else {
      for (std::size_t i = 0; i < rank; ++i) which.push_back(static_cast<std::int64_t>(i));
    }
    ORIEL_REQUIRE(pads.size() == 2 * which.size(), "{} pads for {} axes", pads.size(), which.size());
    SmallVector<PadAxis, 8> axes(rank);
    Dims dims = in.dims();
    for (std::size_t d = 0; d < rank; ++d) axes[d] = {0, dims[d], 0, dims[d]};
    for (std::size_t i = 0; i < which.size(); ++i) {
      const auto d = static_cast<std::size_t>(which[i]);
      const std::int64_t before = pads[i];
      const std::int64_t after = pads[i + which.size()];
      ops::check_pads(mode, in.dim(d), before, after);
      PadAxis& axis = axes[d];
      axis.total = dims[d] = in.dim(d) + before + after;
      axis.low = std::max<std::int64_t>(0, -before);
      axis.before = std::min(std::max<std::int64_t>(0, before), axis.total);
      axis.kept = std::clamp<std::int64_t>(in.dim(d) - axis.low - std::max<std::int64_t>(0, -after), 0,
                                           axis.total - axis.before);
    }
    Tensor& out = outputs.allocate(0, in.type(), dims);
    if (out.size() == 0) return;
    const Dims from = row_major_strides(in.dims());
    const Dims to = row_major_strides(dims);
    std::int64_t source = 0;
    std::int64_t target = 0;
    Region inside;
    for (std::size_t d = 0; d < rank; ++d) {
      source += axes[d].low * from[d];
      target += axes[d].before * to[d];
      inside.add(axes[d].kept, from[d], to[d]);
    }
    inside.copy(context, bytes, at(in.raw(), source, bytes), at(out.raw(), target, bytes));
    auto* base = static_cast<char*>(out.raw());
    if (mode == ops::PadMode::kConstant) {
      const char zero[16] = {};
      const void* value = zero;
      if (inputs.has(2)) {
        ORIEL_REQUIRE(inputs[2].type() == in.type() && inputs[2].size() > 0, "the value to pad with is {}",
                      inputs[2].description());
        value = inputs[2].raw();
      }
      fill_border(context, axes, to, bytes, value, base);
      return;
    }
    // Axis after axis from the last: its border repeats slices that are whole on the axes behind it already.
    for (std::size_t d = rank; d-- > 0;) {
      const PadAxis& axis = axes[d];
      std::int64_t start = 0;
      for (std::size_t i = 0; i < d; ++i) start += axes[i].before * to[i];
      for (std::int64_t o = 0; o < axis.total; ++o) {
        if (o == axis.before) o += axis.kept;
        if (o >= axis.total) break;
        const std::int64_t i = axis.before + ops::padded_index(mode, o - axis.before, axis.kept);
        Region slice;
        for (std::size_t k = 0; k < d; ++k) slice.add(axes[k].kept, to[k], to[k]);
        slice.add(to[d], 1, 1);
        slice.copy(context, bytes, at(base, start + i * to[d], bytes), at(base, start + o * to[d], bytes));
      }
    }
  };
  lowering.step(unit, std::move(spec));
}

// CenterCropPad

std::string decline_centered(const Node& node, const CompileOptions&) { return decline_moved(node); }

void lower_centered(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0)), lowering.plain(node.input(1))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "center_crop_pad";
  spec.run = [bytes = fixed_bytes(node.input(0)->element())](const Inputs& inputs, OutputSink& outputs,
                                                             RunContext& context) {
    const Tensor& in = inputs[0];
    const ops::CenteredWindow window(inputs.attributes(), in, inputs[1]);
    Tensor& out = outputs.allocate(0, in.type(), window.dims);
    if (out.size() == 0) return;
    const Dims from = row_major_strides(in.dims());
    const Dims to = row_major_strides(window.dims);
    SmallVector<PadAxis, 8> axes(in.rank());
    std::int64_t source = 0;
    std::int64_t target = 0;
    Region inside;
    for (std::size_t d = 0; d < in.rank(); ++d) {
      PadAxis& axis = axes[d];
      axis.low = std::max<std::int64_t>(window.shift[d], 0);
      axis.before = std::max<std::int64_t>(-window.shift[d], 0);
      axis.kept = std::min(in.dim(d), window.dims[d]);
      axis.total = window.dims[d];
      source += axis.low * from[d];
      target += axis.before * to[d];
      inside.add(axis.kept, from[d], to[d]);
    }
    const Bytes16 zero{};
    fill_border(context, axes, to, bytes, &zero, static_cast<char*>(out.raw()));
    inside.copy(context, bytes, at(in.raw(), source, bytes), at(out.raw(), target, bytes));
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> movement_rules() {
  std::vector<Rule> rules;
  for (const char* op : {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"})
    rules.push_back({op, decline_view, lower_view, view_reads_blocked});
  rules.push_back({"Dropout", decline_dropout, lower_dropout});
  rules.push_back({"Transpose", decline_layout, lower_transpose, transpose_reads_blocked});
  rules.push_back({"Concat", decline_layout, lower_concat, concat_reads_blocked});
  rules.push_back({"Slice", decline_layout, lower_slice, slice_reads_blocked});
  rules.push_back({"Split", decline_layout, lower_split, split_reads_blocked});
  rules.push_back({"Expand", decline_expand, lower_expand});
  rules.push_back({"Tile", decline_tile, lower_tile});
  rules.push_back({"Pad", decline_pad, lower_pad});
  rules.push_back({"CenterCropPad", decline_centered, lower_centered});
  return rules;
}

}  // namespace oriel::cpu
