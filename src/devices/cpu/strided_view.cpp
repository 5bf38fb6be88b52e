// Composing views: each operator maps axes of its operand's view to axes of its result's.
#include "devices/cpu/strided_view.h"

#include <algorithm>
#include <optional>
#include <string>

namespace oriel::cpu {
namespace {

using Axis = StridedView::Axis;

bool is_known(const Dim& d, std::int64_t value) { return d.is_known() && d.value() == value; }

// Reshape from `in` to `out`: axes stay, vanish or appear with extent 1, split into known extents, or merge where they
// lie one behind the other.
bool regroup(StridedView& view, const Shape& in, const Shape& out) {
  std::vector<Axis> axes;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < in.rank() || j < out.rank()) {
    if (i < in.rank() && is_known(in[i], 0)) return false;
    if (i < in.rank() && j < out.rank() && in[i].same(out[j])) {
      axes.push_back(view.axes[i++]);
      ++j;
      continue;
    }
    if (j < out.rank() && is_known(out[j], 1)) {
      axes.push_back({-1, 0, 1});
      ++j;
      continue;
    }
    if (i < in.rank() && is_known(in[i], 1)) {
      ++i;
      continue;
    }
    if (i == in.rank() || j == out.rank() || !in[i].is_known() || !out[j].is_known()) return false;
    const Axis& whole_axis = view.axes[i];
    std::int64_t product = 1;
    std::size_t end = j;
    while (end < out.rank() && out[end].is_known() && out[end].value() > 0 && product < in[i].value())
      product *= out[end++].value();
    if (product == in[i].value()) {
      std::int64_t rest = product;
      for (; j < end; ++j) {
        rest /= out[j].value();
        axes.push_back({whole_axis.base_axis, whole_axis.step * rest, out[j].value()});
      }
      ++i;
      continue;
    }
    product = in[i].value();
    end = i + 1;
    while (end < in.rank() && in[end].is_known() && in[end].value() > 0 && product < out[j].value()) {
      const Axis& next = view.axes[end];
      if (next.base_axis != view.axes[end - 1].base_axis || view.axes[end - 1].step != next.step * in[end].value())
        return false;
      product *= in[end++].value();
    }
    if (product != out[j].value()) return false;
    axes.push_back({view.axes[end - 1].base_axis, view.axes[end - 1].step, product});
    i = end;
    ++j;
  }
  view.axes = std::move(axes);
  return true;
}

// Keeps [first, first + count) of an axis.
void narrow(StridedView& view, std::size_t axis, std::int64_t first, std::int64_t count) {
  Axis& a = view.axes[axis];
  if (first != 0 && a.base_axis >= 0) view.start.emplace_back(a.base_axis, first * a.step);
  a.extent = count;
}

bool apply_split(StridedView& view, const Node& node, int output) {
  const Shape& in = node.input(0)->shape();
  const auto axis = static_cast<std::size_t>(normalize_axis(node.attributes().get_int("axis", 0), in.rank()));
  // Of an extent that only a run tells, the parts may be too many or too few.
  if (!in[axis].is_known()) return false;
  std::int64_t first = 0;
  for (int i = 0; i <= output; ++i) {
    const Shape& out = node.output(static_cast<std::size_t>(i))->shape();
    if (!out.is_ranked() || !out[axis].is_known()) return false;
    if (i == output) {
      narrow(view, axis, first, out[axis].value());
      return true;
    }
    first += out[axis].value();
  }
  return false;
}

bool apply_slice(StridedView& view, const Node& node) {
  const Shape& in = node.input(0)->shape();
  const Shape& out = node.output()->shape();
  for (std::size_t i = 1; i < node.num_inputs(); ++i) {
    if (node.input(i) != nullptr && !node.input(i)->is_constant()) return false;
  }
  if (node.input(1) == nullptr || !out.is_ranked()) return false;
  const std::vector<std::int64_t> starts = node.input(1)->constant()->to_i64();
  std::vector<std::int64_t> axes(starts.size());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  if (node.input(3) != nullptr) axes = node.input(3)->constant()->to_i64();
  if (axes.size() != starts.size()) return false;
  if (node.input(4) != nullptr) {
    const std::vector<std::int64_t> steps = node.input(4)->constant()->to_i64();
    if (std::any_of(steps.begin(), steps.end(), [](std::int64_t s) { return s != 1; })) return false;
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(normalize_axis(axes[i], in.rank()));
    if (!in[axis].is_known() || !out[axis].is_known()) return false;
    const std::int64_t extent = in[axis].value();
    const std::int64_t first = std::clamp<std::int64_t>(starts[i] < 0 ? starts[i] + extent : starts[i], 0, extent);
    narrow(view, axis, first, out[axis].value());
  }
  return true;
}

bool apply_gather(StridedView& view, const Node& node) {
  const Value* index = node.input(1);
  const Shape& in = node.input(0)->shape();
  if (!index->is_constant() || index->constant()->rank() != 0) return false;
  const auto axis = static_cast<std::size_t>(normalize_axis(node.attributes().get_int("axis", 0), in.rank()));
  if (!in[axis].is_known()) return false;
  std::int64_t at = index->constant()->to_i64()[0];
  if (at < 0) at += in[axis].value();
  if (at < 0 || at >= in[axis].value()) return false;
  narrow(view, axis, at, 1);
  view.axes.erase(view.axes.begin() + static_cast<std::ptrdiff_t>(axis));
  return true;
}

bool apply(StridedView& view, const Node& node, int output) {
  if (!node.op().domain.empty()) return false;
  const std::string& name = node.op().name;
  if (name == "Transpose") {
    const std::size_t rank = view.axes.size();
    std::vector<Axis> axes(rank);
    const std::vector<std::int64_t> perm = node.attributes().get_ints("perm", {});
    if (!perm.empty() && perm.size() != rank) return false;
    for (std::size_t i = 0; i < rank; ++i)
      axes[i] = view.axes[perm.empty() ? rank - 1 - i : static_cast<std::size_t>(perm[i])];
    view.axes = std::move(axes);
    return true;
  }
  if (name == "Reshape" || name == "Squeeze" || name == "Unsqueeze" || name == "Flatten")
    return regroup(view, node.input(0)->shape(), node.output()->shape());
  if (name == "Split") return apply_split(view, node, output);
  if (name == "Slice") return apply_slice(view, node);
  if (name == "Gather") return apply_gather(view, node);
  return false;
}

}  // namespace

bool StridedView::dense_rows() const {
  if (axes.empty()) return false;
  const Axis& last = axes.back();
  if (last.extent == 1) return true;
  return last.step == 1 && last.base_axis >= 0 && static_cast<std::size_t>(last.base_axis) + 1 == base->shape().rank();
}

BoundView bind(const StridedView& view, const Dims& base) {
  BoundView bound;
  const Dims rows = row_major_strides(base);
  for (const Axis& a : view.axes) {
    bound.extents.push_back(a.extent >= 0 ? a.extent : base[static_cast<std::size_t>(a.base_axis)]);
    bound.strides.push_back(a.base_axis < 0 ? 0 : a.step * rows[static_cast<std::size_t>(a.base_axis)]);
  }
  for (const auto& [axis, steps] : view.start) bound.offset += steps * rows[static_cast<std::size_t>(axis)];
  return bound;
}

StridedView whole(const Value* value) {
  StridedView view;
  view.base = value;
  for (std::size_t i = 0; i < value->shape().rank(); ++i) view.axes.push_back({static_cast<int>(i), 1, -1});
  return view;
}

StridedView look_through(const Value* value, const std::function<bool(const Node&)>& may_skip) {
  const Node* node = value->producer();
  if (node == nullptr || node->num_inputs() == 0 || !may_skip(*node)) return whole(value);
  const Value* in = node->input(0);
  if (in == nullptr || !in->type().is_tensor() || !in->shape().is_ranked() || !value->shape().is_ranked())
    return whole(value);
  StridedView view = look_through(in, may_skip);
  if (!apply(view, *node, value->output_index())) return whole(value);
  view.nodes.push_back(node);
  return view;
}

bool defines_symbols(const Node& node) {
  for (const Value* v : node.outputs()) {
    if (!v->shape().is_ranked()) return true;
    for (const Dim& d : v->shape().dims()) {
      if (d.symbol() < 0 || d.table()->symbol(d.symbol()).kind != SymbolTable::Kind::kFresh) continue;
      const bool known = std::any_of(node.inputs().begin(), node.inputs().end(), [&](const Value* in) {
        return in != nullptr && in->type().is_tensor() && in->shape().is_ranked() &&
               std::any_of(in->shape().dims().begin(), in->shape().dims().end(),
                           [&](const Dim& x) { return x.same(d); });
      });
      if (!known) return true;
    }
  }
  return false;
}

}  // namespace oriel::cpu
