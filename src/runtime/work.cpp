// Formulas of arithmetic by operator.
#include "runtime/work.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace oriel {
namespace {

// What copies, renames or looks up elements.
const std::unordered_set<std::string_view>& movements() {
  static const auto* const names = new std::unordered_set<std::string_view>{
      "Reshape",         "Transpose",      "Concat",          "Split",     "Slice",
      "Gather",          "GatherElements", "GatherND",        "Identity",  "Flatten",
      "Squeeze",         "Unsqueeze",      "Expand",          "Pad",       "Tile",
      "Shape",           "Size",           "DepthToSpace",    "Compress",  "SpaceToDepth",
      "Constant",        "EyeLike",        "ConstantOfShape", "ScatterND", "ScatterElements",
      "ReverseSequence", "Trilu",          "CenterCropPad",   "Dropout",   "Optional",
  };
  return *names;
}

// Concrete dimensions of values; known() is false once one of them was not to be had.
class Shapes {
 public:
  explicit Shapes(const Bindings& symbols) : symbols_(symbols) {}

  Dims dims(const Value* value) {
    Dims result;
    if (value == nullptr || !value->type().is_tensor() || !value->shape().is_ranked()) {
      known_ = false;
      return result;
    }
    for (const Dim& d : value->shape().dims()) {
      const std::int64_t x = d.evaluate(symbols_);
      if (x == kUnbound || x < 0) known_ = false;
      result.push_back(std::max<std::int64_t>(x, 0));
    }
    return result;
  }
  double elements(const Value* value) {
    double count = 1;
    for (const std::int64_t d : dims(value)) count *= static_cast<double>(d);
    return count;
  }
  double bytes(const Value* value) { return elements(value) * element_bits(value->element()) / 8; }
  /// Extent of an axis counted from the end; 1 where there is none.
  double extent(const Value* value, std::size_t from_end) {
    const Dims all = dims(value);
    return from_end <= all.size() ? static_cast<double>(all[all.size() - from_end]) : 1;
  }
  void give_up() { known_ = false; }
  bool known() const { return known_; }

 private:
  const Bindings& symbols_;
  bool known_ = true;
};

double convolution(Shapes& shapes, const Value* positions, const Value* weights) {
  const Dims w = shapes.dims(weights);
  const double filters = w.empty() || w[0] == 0 ? 1 : static_cast<double>(w[0]);
  return 2 * shapes.elements(positions) * shapes.elements(weights) / filters;
}

double flops_of(const Node& node, Shapes& shapes) {
  const std::string op = node.op().name;
  const Value* out = node.output();
  if (op == "Conv" || op == "ConvInteger" || op == "DeformConv") return convolution(shapes, out, node.input(1));
  if (op == "QLinearConv") return convolution(shapes, out, node.input(3));
  if (op == "ConvTranspose") return convolution(shapes, node.input(0), node.input(1));
  if (op == "MatMul" || op == "MatMulInteger" || op == "QLinearMatMul")
    return 2 * shapes.elements(out) * shapes.extent(node.input(0), 1);
  if (op == "Gemm" || op == "QGemm") {
    return 2 * shapes.elements(out) * shapes.extent(node.input(0), node.attributes().get_int("transA") != 0 ? 2 : 1);
  }
  if (op == "MatMulNBits") return 2 * shapes.elements(out) * static_cast<double>(node.attributes().get_int("K"));
  if (op == "LSTM" || op == "GRU" || op == "RNN") {
    const Dims x = shapes.dims(node.input(0));
    if (x.size() != 3) return 0;
    return 2 * static_cast<double>(x[0]) * static_cast<double>(x[1]) *
           (shapes.elements(node.input(1)) + shapes.elements(node.input(2)));
  }
  if (op == "Attention" && node.op().domain.empty()) {
    // Queries against keys, then weights against values; the longest of past and present keys counts.
    const double length = shapes.extent(node.input(1), 2);
    return 2 * (shapes.elements(node.input(0)) + shapes.elements(out)) * length;
  }
  if (op == "Einsum" || node.op().traits.control_flow) {
    shapes.give_up();
    return 0;
  }
  if (op == "MaxPool" || op == "AveragePool" || op == "LpPool") {
    double window = 1;
    for (const std::int64_t k : node.attributes().get_ints("kernel_shape", {})) window *= static_cast<double>(k);
    return shapes.elements(out) * window;
  }
  if (movements().count(op) != 0) return 0;
  double largest = 0;
  for (const Value* v : node.inputs()) {
    if (v != nullptr) largest = std::max(largest, shapes.elements(v));
  }
  for (const Value* v : node.outputs()) largest = std::max(largest, shapes.elements(v));
  return largest;
}

}  // namespace

std::optional<Work> work_of(std::span<const Node* const> nodes, const Bindings& symbols) {
  Shapes shapes(symbols);
  Work work;
  const std::unordered_set<const Node*> inside(nodes.begin(), nodes.end());
  std::unordered_set<const Value*> counted;
  for (const Node* node : nodes) {
    work.flops += flops_of(*node, shapes);
    if (node->op().traits.view) continue;
    const bool moves = movements().count(node->op().name) != 0;
    double made = 0;
    for (const Value* v : node->outputs()) {
      const bool leaves = v->users().empty() || std::any_of(v->users().begin(), v->users().end(),
                                                            [&](const Node* n) { return inside.count(n) == 0; });
      const double bytes = shapes.bytes(v);
      made += bytes;
      if (leaves) work.bytes += bytes;
    }
    for (const Value* v : node->inputs()) {
      if (v == nullptr || inside.count(v->producer()) != 0 || !counted.insert(v).second) continue;
      work.bytes += moves && v == node->input(0) ? std::min(shapes.bytes(v), made) : shapes.bytes(v);
    }
  }
  return shapes.known() ? std::optional<Work>(work) : std::nullopt;
}

Bindings bind_inputs(const Graph& graph, std::span<const Dims> inputs) {
  Bindings symbols(graph.symbols()->size(), kUnbound);
  for (std::size_t i = 0; i < inputs.size() && i < graph.inputs().size(); ++i) {
    const Value& input = *graph.inputs()[i];
    if (input.type().is_tensor() && input.shape().is_ranked() && input.shape().rank() == inputs[i].size()) {
      bind_symbols(input.shape(), inputs[i], symbols);
    }
  }
  graph.symbols()->complete(symbols);
  return symbols;
}

}  // namespace oriel
