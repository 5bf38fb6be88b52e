// Quantisation moves so that elements are moved as bytes: DequantizeLinear goes behind operators that only pick and
// place elements, QuantizeLinear before them, a pair that undoes itself goes, and so does a clamp that saturation
// repeats.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "passes/pass.h"

namespace oriel {
namespace {

bool is_op(const Node* node, std::string_view name) {
  return node != nullptr && node->op().domain.empty() && node->op().name == name;
}

bool is_byte(ElementType type) { return type == ElementType::kU8 || type == ElementType::kI8; }

// One positive scale and one zero point for a whole tensor, both constants.
struct PerTensor {
  double scale = 1.0;
  std::int64_t zero = 0;
  ElementType type = ElementType::kU8;
  bool operator==(const PerTensor&) const = default;
};

bool single(const Value* v) { return v->is_constant() && v->constant()->size() == 1 && v->constant()->rank() <= 1; }

/// The parameters of a QuantizeLinear or DequantizeLinear between f32 and bytes; nothing where they are no single
/// constants.
std::optional<PerTensor> per_tensor(const Node* node) {
  const bool forward = is_op(node, "QuantizeLinear");
  if (!forward && !is_op(node, "DequantizeLinear")) return std::nullopt;
  const Value* real = forward ? node->input(0) : node->output();
  const Value* bytes = forward ? node->output() : node->input(0);
  if (real->element() != ElementType::kF32 || !is_byte(bytes->element())) return std::nullopt;
  if (!single(node->input(1)) || node->input(1)->element() != ElementType::kF32 ||
      (node->input(2) != nullptr && !single(node->input(2)))) {
    return std::nullopt;
  }
  if (node->attributes().get_int("block_size") != 0) return std::nullopt;
  if (forward && node->attributes().has("precision")) {
    const ElementType precision = node->attributes().get_element_type("precision");
    if (precision != ElementType::kF32 && precision != ElementType::kUndefined) return std::nullopt;
  }
  PerTensor p{element_as_f64(*node->input(1)->constant(), 0), 0, bytes->element()};
  if (node->input(2) != nullptr) p.zero = element_as_i64(*node->input(2)->constant(), 0);
  if (!(p.scale > 0.0) || !std::isfinite(p.scale)) return std::nullopt;
  return p;
}

// Operators whose every result is one of the elements of operand 0, whatever these mean: chosen by place, or the
// largest or smallest of some, which a rising function leaves in place.
bool only_moves(const Node& node) {
  static const auto* const names = new std::unordered_set<std::string_view>{
      "DepthToSpace", "Expand",  "Flatten",   "Gather",    "GatherElements", "GatherND", "GlobalMaxPool",
      "Identity",     "MaxPool", "ReduceMax", "ReduceMin", "Reshape",        "Slice",    "SpaceToDepth",
      "Split",        "Squeeze", "Tile",      "Transpose", "Unsqueeze"};
  if (!node.op().domain.empty()) return false;
  if (node.op().name == "MaxPool") return node.num_outputs() == 1;
  if (node.op().name == "Resize") {
    return node.attributes().get_string("mode") == "nearest" &&
           node.attributes().get_string("coordinate_transformation_mode") != "tf_crop_and_resize";
  }
  return names->count(node.op().name) != 0;
}

// Of those, the ones that neither choose nor repeat elements.
bool only_rearranges(const Node& node) {
  static const auto* const names = new std::unordered_set<std::string_view>{
      "DepthToSpace", "Flatten", "Reshape", "SpaceToDepth", "Squeeze", "Transpose", "Unsqueeze"};
  return node.op().domain.empty() && names->count(node.op().name) != 0;
}

// Whether another node may make this value: a symbol that stands for what only this one finds out would never be
// learnt.
bool replaceable(const Value* out, const Value* in) {
  if (!out->shape().is_ranked() || !in->shape().is_ranked()) return false;
  const auto known = [&](const Dim& d) {
    if (d.symbol() < 0 || d.table()->symbol(d.symbol()).kind != SymbolTable::Kind::kFresh) return true;
    return std::any_of(in->shape().dims().begin(), in->shape().dims().end(), [&](const Dim& x) { return x.same(d); });
  };
  return std::all_of(out->shape().dims().begin(), out->shape().dims().end(), known);
}

bool replaceable(const Node& node) {
  return std::all_of(node.outputs().begin(), node.outputs().end(),
                     [&](const Value* v) { return replaceable(v, node.input(0)); });
}

std::vector<Value*> with_first(const Node& node, Value* first) {
  std::vector<Value*> operands = node.inputs();
  operands[0] = first;
  return operands;
}

/// Where scales along an axis lie behind a Transpose; nothing where the node is none.
std::optional<std::int64_t> transposed_axis(const Node& node, const Node& dequantize) {
  if (!is_op(&node, "Transpose") || !node.input(0)->shape().is_ranked()) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(node.input(0)->shape().rank());
  if (dequantize.attributes().get_int("block_size") != 0 || !dequantize.input(1)->is_constant() ||
      dequantize.input(1)->constant()->rank() != 1)
    return std::nullopt;
  std::int64_t axis = dequantize.attributes().get_int("axis");
  if (axis < 0) axis += rank;
  std::vector<std::int64_t> order;
  if (node.attributes().has("perm")) order = node.attributes().get_ints("perm");
  if (order.empty()) {
    for (std::int64_t i = rank; i-- > 0;) order.push_back(i);
  }
  const auto at = std::find(order.begin(), order.end(), axis);
  if (at == order.end()) return std::nullopt;
  return at - order.begin();
}

/// What QuantizeLinear makes of a number, before it saturates.
double quantised(double value, const PerTensor& p) {
  return std::nearbyint(static_cast<double>(static_cast<float>(value / p.scale))) + static_cast<double>(p.zero);
}

// Operators of several tensors, which bytes go through together.
bool joins_operands(const Node* node) {
  return is_op(node, "Add") || is_op(node, "Sub") || is_op(node, "Mul") || is_op(node, "Div") || is_op(node, "Concat");
}

class Mover {
 public:
  explicit Mover(Graph& graph) : graph_(graph) {}

  bool visit(Node* node) {
    if (sink(node) || sink_below_pad(node)) return true;
    if (!is_op(node, "QuantizeLinear")) return false;
    bool changed = false;
    while (!cancel(node)) {
      Node* next = drop_clamp(node);
      if (next == nullptr) next = hoist(node);
      if (next == nullptr) return changed;
      changed = true;
      node = next;
    }
    return true;
  }

 private:
  bool leaves(const Value* v) const {
    return std::find(graph_.outputs().begin(), graph_.outputs().end(), v) != graph_.outputs().end();
  }

  /// Notes that nobody reads a node any more, and so perhaps nobody the nodes before it.
  void bury(const Node* node) {
    for (const Value* v : node->outputs()) {
      if (leaves(v) ||
          std::any_of(v->users().begin(), v->users().end(), [&](const Node* n) { return dead_.count(n) == 0; }))
        return;
    }
    if (!dead_.insert(node).second) return;
    for (const Value* v : node->inputs()) {
      if (v != nullptr && v->producer() != nullptr) bury(v->producer());
    }
  }

  bool read_once(const Value* v) const {
    return !leaves(v) &&
           std::count_if(v->users().begin(), v->users().end(), [&](const Node* n) { return dead_.count(n) == 0; }) == 1;
  }

  // move(dequantize(x)) -> dequantize(move(x)).
  bool sink(Node* node) {
    if (node->num_inputs() == 0 || node->input(0) == nullptr) return false;
    const Node* from = node->input(0)->producer();
    if (!is_op(from, "DequantizeLinear")) return false;
    Attributes attributes = from->attributes();
    if (only_moves(*node) && per_tensor(from)) {
      if (!replaceable(*node)) return false;
    } else if (const std::optional<std::int64_t> axis = transposed_axis(*node, *from);
               axis && from->input(0)->is_constant()) {
      attributes.set("axis", *axis);
    } else {
      return false;
    }
    Patch patch(graph_);
    const Node* moved = patch.add("", node->op().name, node->attributes(), with_first(*node, from->input(0)),
                                  node->num_outputs(), {node});
    for (std::size_t i = 0; i < node->num_outputs(); ++i) {
      patch.replace(node->output(i),
                    patch.call("DequantizeLinear", with_first(*from, moved->output(i)), attributes, {from}));
    }
    bury(node);
    return true;
  }

  // Pad of a dequantised value with a number that its bytes can hold.
  bool sink_below_pad(Node* node) {
    if (!is_op(node, "Pad") || !replaceable(*node)) return false;
    const Node* from = node->input(0)->producer();
    const std::optional<PerTensor> p = is_op(from, "DequantizeLinear") ? per_tensor(from) : std::nullopt;
    if (!p) return false;
    std::vector<Value*> operands = with_first(*node, from->input(0));
    Patch patch(graph_);
    if (node->attributes().get_string("mode", "constant") == "constant") {
      double fill = 0.0;
      if (node->input(2) != nullptr) {
        if (!single(node->input(2))) return false;
        fill = element_as_f64(*node->input(2)->constant(), 0);
      }
      const double q = fill / p->scale + static_cast<double>(p->zero);
      const double low = p->type == ElementType::kU8 ? 0.0 : -128.0;
      if (q != std::floor(q) || q < low || q > low + 255.0) return false;
      Tensor byte = Tensor::allocate(p->type, {});
      store_element(byte, 0, q);
      if (operands.size() < 3) operands.resize(3, nullptr);
      operands[2] = patch.constant(std::move(byte));
    }
    const Node* moved = patch.add("", "Pad", node->attributes(), operands, 1, {node});
    patch.replace(node->output(),
                  patch.call("DequantizeLinear", with_first(*from, moved->output()), from->attributes(), {from}));
    bury(node);
    return true;
  }

  // quantize(rearrange(x)) -> rearrange(quantize(x)), so that x is quantised by what makes it. The new QuantizeLinear,
  // or null.
  Node* hoist(Node* quantize) {
    const Node* node = quantize->input(0)->producer();
    if (!per_tensor(quantize) || node == nullptr || !only_rearranges(*node) || !read_once(node->output()) ||
        !replaceable(*node))
      return nullptr;
    if (node->input(0)->producer() == nullptr || is_op(node->input(0)->producer(), "DequantizeLinear")) return nullptr;
    Patch patch(graph_);
    Node* before =
        patch.add("", "QuantizeLinear", quantize->attributes(), with_first(*quantize, node->input(0)), 1, {quantize});
    const Node* moved =
        patch.add("", node->op().name, node->attributes(), with_first(*node, before->output()), 1, {node});
    patch.replace(quantize->output(), moved->output());
    bury(quantize);
    return before;
  }

  // quantize(clamp(x)) where saturation clamps at least as much: quantize(x). Where it does not, bytes are clamped
  // instead of the sum of others, quantize(clamp(dequantize(quantize(x)))), since rounding keeps order. The new
  // QuantizeLinear, or null.
  Node* drop_clamp(Node* quantize) {
    const std::optional<PerTensor> p = per_tensor(quantize);
    const Node* clamp = p ? quantize->input(0)->producer() : nullptr;
    if (clamp == nullptr || !read_once(clamp->output())) return nullptr;
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    if (is_op(clamp, "Relu")) {
      low = 0.0;
    } else if (is_op(clamp, "Clip")) {
      for (std::size_t i = 1; i < 3; ++i) {
        if (clamp->input(i) == nullptr) continue;
        if (!single(clamp->input(i))) return nullptr;
        (i == 1 ? low : high) = element_as_f64(*clamp->input(i)->constant(), 0);
      }
      if (!(low <= high)) return nullptr;
    } else {
      return nullptr;
    }
    const double least = p->type == ElementType::kU8 ? 0.0 : -128.0;
    const bool saturates = quantised(low, *p) <= least && quantised(high, *p) >= least + 255.0;
    if (!saturates && !joins_operands(clamp->input(0)->producer())) return nullptr;
    Patch patch(graph_);
    Node* direct = patch.add("", "QuantizeLinear", quantize->attributes(), with_first(*quantize, clamp->input(0)), 1,
                             {clamp, quantize});
    Value* bytes = direct->output();
    if (!saturates) {
      std::vector<Value*> operands = with_first(*quantize, bytes);
      Value* real =
          patch.call("DequantizeLinear", operands, {{"axis", quantize->attributes().get_int("axis")}}, {quantize});
      real = patch.call(clamp->op().name, with_first(*clamp, real), clamp->attributes(), {clamp});
      bytes = patch.call("QuantizeLinear", with_first(*quantize, real), quantize->attributes(), {quantize});
    }
    patch.replace(quantize->output(), bytes);
    bury(quantize);
    return direct;
  }

  // quantize(dequantize(x)) by the same parameters is x.
  bool cancel(Node* quantize) {
    const std::optional<PerTensor> to = per_tensor(quantize);
    const Node* from = to ? quantize->input(0)->producer() : nullptr;
    if (!is_op(from, "DequantizeLinear") || per_tensor(from) != to) return false;
    Patch(graph_).replace(quantize->output(), from->input(0));
    bury(quantize);
    return true;
  }

  Graph& graph_;
  std::unordered_set<const Node*> dead_;
};

}  // namespace

bool move_quantisation(Graph& graph) {
  const std::vector<Node*> nodes = graph.nodes();
  if (std::none_of(nodes.begin(), nodes.end(),
                   [](const Node* n) { return is_op(n, "DequantizeLinear") || is_op(n, "QuantizeLinear"); }))
    return false;
  Mover mover(graph);
  bool changed = false;
  for (Node* node : nodes) changed = mover.visit(node) || changed;
  return changed;
}

}  // namespace oriel
