// Patterns DequantizeLinear -> operator -> QuantizeLinear as units on bytes. A function of one byte becomes a table, also
// through several patterns; Conv runs in integers; Concat copies; two operands pass through f32 piece by piece.
#include <algorithm>
#include <string_view>

#include "devices/cpu/quantised.h"

namespace oriel::cpu {
namespace {

using kernels::BinaryOp;

// One scale and zero point for a whole tensor of bytes.
struct PerTensor {
  float scale = 1.0F;
  std::int32_t zero = 0;
};

bool is_op(const Node* node, std::string_view name) { return node != nullptr && node->op().domain.empty() && node->op().name == name; }

/// The parameters of a QuantizeLinear or DequantizeLinear between f32 and bytes; nothing where they are no single constants.
std::optional<PerTensor> per_tensor(const Node& node) {
  const Value* scale = node.input(1);
  const Value* zero = node.input(2);
  if (!scale->is_constant() || scale->element() != ElementType::kF32 || scale->constant()->size() != 1 || scale->constant()->rank() > 1) return std::nullopt;
  if (zero != nullptr && (!zero->is_constant() || zero->constant()->size() != 1)) return std::nullopt;
  if (node.attributes().get_int("block_size") != 0 || !find_rule(node)->decline(node, {}).empty()) return std::nullopt;
  return PerTensor{constant_f32(scale)[0], constant_zeros(zero)[0]};
}

// Operators whose every result depends on the elements at its own place alone.
bool by_element(const Node& node) {
  static const auto* const names = new std::unordered_set<std::string_view>{
      "Abs",  "Acos",    "Add",   "Asin", "Atan",      "Ceil", "Celu", "Clip",       "Cos",     "Div",      "Elu",  "Erf",  "Exp",
      "Floor", "Gelu",   "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "Reciprocal",
      "Relu", "Round",   "Selu",  "Shrink", "Sigmoid", "Sign", "Sin",  "Softplus",   "Softsign", "Sqrt",    "Sub",  "Sum",  "Swish",
      "Tanh", "ThresholdedRelu"};
  return node.op().domain.empty() && names->count(node.op().name) != 0;
}

std::optional<BinaryOp> binary_of(const Node& node) {
  if (!node.op().domain.empty() || node.num_inputs() != 2) return std::nullopt;
  if (node.op().name == "Add") return BinaryOp::kAdd;
  if (node.op().name == "Sub") return BinaryOp::kSub;
  if (node.op().name == "Mul") return BinaryOp::kMul;
  if (node.op().name == "Div") return BinaryOp::kDiv;
  if (node.op().name == "Max") return BinaryOp::kMax;
  if (node.op().name == "Min") return BinaryOp::kMin;
  return std::nullopt;
}

class Matcher {
 public:
  explicit Matcher(const Subgraph& subgraph) : subgraph_(subgraph), nodes_(subgraph.nodes.begin(), subgraph.nodes.end()) {
    outputs_.insert(subgraph.outputs.begin(), subgraph.outputs.end());
  }

  QuantisedUnits run() {
    for (const Node* node : subgraph_.nodes) {
      if (is_op(node, "QuantizeLinear") && is_byte(node->output()->element())) match(*node);
    }
    return live();
  }

 private:
  // A byte value as a function of another one.
  struct Derived {
    const Value* root;
    ByteTable table;
  };

  bool inside(const Node* node) const { return node != nullptr && nodes_.count(node) != 0; }
  bool read_once(const Value* v) const { return outputs_.count(v) == 0 && v->users().size() == 1; }

  /// The DequantizeLinear behind an operand where its input are bytes under one scale; else null.
  const Node* dequantised(const Value* v) const {
    const Node* node = v == nullptr ? nullptr : v->producer();
    if (!inside(node) || !is_op(node, "DequantizeLinear") || !is_byte(node->input(0)->element()) || node->input(0)->is_constant()) return nullptr;
    return per_tensor(*node) ? node : nullptr;
  }

  void match(const Node& quantize) {
    const std::optional<PerTensor> to = per_tensor(quantize);
    if (!to) return;
    const Value* x = quantize.input(0);
    if (dequantised(x) != nullptr) {
      table({}, quantize, *x->producer());
      return;
    }
    const Node* node = x->producer();
    if (!inside(node) || node->num_outputs() != 1 || !read_once(x) || x->element() != ElementType::kF32) return;
    if (convolution(*node, quantize, *to)) return;
    if (concat(*node, quantize)) return;
    if (!by_element(*node)) return;
    if (table({node}, quantize, *node)) return;
    binary(*node, quantize, *to);
  }

  void add(std::shared_ptr<QuantisedUnit> q, const Node& node, std::vector<const Node*> absorbed, const Node& quantize, kernels::Activation activation = {}) {
    Unit unit;
    unit.node = &node;
    for (const Node* n : absorbed) {
      if (n != &node) unit.absorbed.push_back(n);
      inner_.insert(n);
    }
    inner_.insert(&node);
    if (&node != &quantize) unit.absorbed.push_back(&quantize);
    unit.output = quantize.output();
    unit.activation = activation;
    unit.quantised = std::move(q);
    ends_.emplace(&quantize, std::move(unit));
  }

  // The operands' 256 results each, in f32, where they all come from one byte; an empty list where not.
  std::vector<Tensor> curves(const Node& node, const Value*& root) const {
    std::vector<Tensor> list;
    const std::size_t count = is_op(&node, "DequantizeLinear") ? 0 : node.num_inputs();
    for (std::size_t i = 0; i < count; ++i) {
      const Value* v = node.input(i);
      const Node* from = dequantised(v);
      if (from == nullptr) {
        if (v != nullptr && (!v->is_constant() || v->constant()->size() != 1)) return {};
        list.push_back(v == nullptr ? Tensor() : *v->constant());
        continue;
      }
      if (!curve(*from, root, list)) return {};
    }
    return list;
  }

  bool curve(const Node& dequantize, const Value*& root, std::vector<Tensor>& list) const {
    const Value* bytes = dequantize.input(0);
    const auto found = derived_.find(bytes);
    const Value* own = found == derived_.end() ? bytes : found->second.root;
    if (root != nullptr && root != own) return false;
    root = own;
    Tensor x = all_bytes(bytes->element());
    if (found != derived_.end()) std::copy(found->second.table.begin(), found->second.table.end(), static_cast<std::uint8_t*>(x.raw()));
    list.push_back(evaluate(dequantize, operands_of(dequantize, x)));
    return true;
  }

  static std::vector<const Tensor*> operands_of(const Node& node, const Tensor& first) {
    std::vector<const Tensor*> operands{&first};
    for (std::size_t i = 1; i < node.num_inputs(); ++i) operands.push_back(node.input(i) == nullptr ? nullptr : node.input(i)->constant());
    return operands;
  }

  // node: the operator, or the DequantizeLinear right before the QuantizeLinear.
  bool table(std::vector<const Node*> absorbed, const Node& quantize, const Node& node) {
    const Value* root = nullptr;
    Tensor y;
    if (absorbed.empty()) {
      std::vector<Tensor> one;
      if (!curve(node, root, one)) return false;
      y = one[0];
    } else {
      const std::vector<Tensor> operands = curves(node, root);
      if (operands.empty() || root == nullptr || !root->shape().is_ranked() || !root->shape().same(node.output()->shape())) return false;
      std::vector<const Tensor*> pointers;
      for (const Tensor& t : operands) pointers.push_back(t.defined() ? &t : nullptr);
      y = evaluate(node, pointers);
    }
    if (y.size() != 256) return false;
    const Tensor bytes = evaluate(quantize, operands_of(quantize, y));
    auto q = std::make_shared<QuantisedUnit>();
    q->kind = QuantisedUnit::Kind::kTable;
    q->operands = {root};
    std::copy_n(static_cast<const std::uint8_t*>(bytes.raw()), 256, q->table.begin());
    derived_.emplace(quantize.output(), Derived{root, q->table});
    const Node& named = absorbed.empty() ? quantize : node;
    add(q, named, std::move(absorbed), quantize);
    return true;
  }

  void binary(const Node& node, const Node& quantize, const PerTensor& to) {
    const std::optional<BinaryOp> op = binary_of(node);
    if (!op || !node.output()->shape().is_ranked() || node.output()->shape().rank() > 14) return;
    auto q = std::make_shared<QuantisedUnit>();
    q->kind = QuantisedUnit::Kind::kBinary;
    q->op = *op;
    for (std::size_t i = 0; i < 2; ++i) {
      const Node* from = dequantised(node.input(i));
      if (from == nullptr) return;
      const PerTensor p = *per_tensor(*from);
      q->operands.push_back(from->input(0));
      q->scales.push_back(p.scale);
      q->zeros.push_back(p.zero);
    }
    q->scales.push_back(to.scale);
    q->zeros.push_back(to.zero);
    add(q, node, {&node}, quantize);
  }

  bool concat(const Node& node, const Node& quantize) {
    if (!is_op(&node, "Concat")) return false;
    auto q = std::make_shared<QuantisedUnit>();
    q->kind = QuantisedUnit::Kind::kConcat;
    q->axis = node.attributes().get_int("axis");
    const ElementType type = quantize.output()->element();
    for (const Value* v : node.inputs()) {
      const Node* from = dequantised(v);
      if (from == nullptr) return false;
      q->operands.push_back(from->input(0));
      const Tensor x = all_bytes(from->input(0)->element());
      const Tensor real = evaluate(*from, operands_of(*from, x));
      const Tensor bytes = evaluate(quantize, operands_of(quantize, real));
      ConcatPart part;
      std::copy_n(static_cast<const std::uint8_t*>(bytes.raw()), 256, part.table.begin());
      for (std::size_t i = 0; i < 256; ++i) part.copy = part.copy && part.table[i] == i;
      if (from->input(0)->element() != type) part.copy = false;
      q->parts.push_back(part);
    }
    if (q->operands.empty() || !node.output()->shape().is_ranked()) return false;
    add(q, node, {&node}, quantize);
    return true;
  }

  bool convolution(const Node& last, const Node& quantize, const PerTensor& to) {
    const Node* node = &last;
    kernels::Activation activation;
    std::vector<const Node*> absorbed;
    if (const std::optional<kernels::Activation> f = activation_of(last)) {
      node = last.input(0)->producer();
      if (!inside(node) || !read_once(last.input(0))) return false;
      activation = *f;
      absorbed.push_back(&last);
    }
    if (!is_op(node, "Conv")) return false;
    const Node* from = dequantised(node->input(0));
    const Node* weights = node->input(1)->producer();
    if (from == nullptr || !is_op(weights, "DequantizeLinear") || !is_folded(node->input(1)) || !is_byte(weights->input(0)->element())) return false;
    if (weights->attributes().get_int("block_size") != 0 || weights->input(1)->element() != ElementType::kF32) return false;
    const Value* w = weights->input(0);
    if (!serves_integer_conv(w, from->input(0))) return false;
    const std::int64_t channels = w->constant()->dim(0);
    const auto fits = [&](const Value* v) {
      const Tensor& t = *v->constant();
      if (t.size() == 1 && t.rank() <= 1) return true;
      const std::int64_t axis = weights->attributes().get_int("axis");
      return (axis == 0 || axis == -static_cast<std::int64_t>(w->shape().rank())) && t.rank() == 1 && t.dim(0) == channels;
    };
    if (!fits(weights->input(1)) || (weights->input(2) != nullptr && !fits(weights->input(2)))) return false;
    auto q = std::make_shared<QuantisedUnit>();
    q->kind = QuantisedUnit::Kind::kConv;
    q->operands = {from->input(0), w};
    const PerTensor x = *per_tensor(*from);
    q->scales = {x.scale, to.scale};
    q->zeros = {x.zero, to.zero};
    q->weight_scales = constant_f32(weights->input(1));
    q->weight_zeros = constant_zeros(weights->input(2));
    if (const Value* bias = node->input(2)) {
      if (bias->is_constant() && bias->element() == ElementType::kF32) {
        q->offset = constant_f32(bias);
      } else if (is_folded(bias) && !bias->is_constant()) {
        std::vector<const Tensor*> operands;
        for (const Value* v : bias->producer()->inputs()) operands.push_back(v == nullptr ? nullptr : v->constant());
        const Tensor t = evaluate(*bias->producer(), operands);
        q->offset.assign(t.data<float>(), t.data<float>() + t.size());
      } else {
        return false;
      }
      if (static_cast<std::int64_t>(q->offset.size()) != channels) return false;
    }
    add(q, *node, std::move(absorbed), quantize, activation);
    return true;
  }

  // Keeps the units that somebody reads; nodes that only others replaced are taken.
  QuantisedUnits live() {
    QuantisedUnits result;
    std::unordered_set<const Value*> needed(outputs_.begin(), outputs_.end());
    const auto any_needed = [&](const Node* n) {
      return std::any_of(n->outputs().begin(), n->outputs().end(), [&](const Value* v) { return needed.count(v) != 0; });
    };
    for (auto it = subgraph_.nodes.rbegin(); it != subgraph_.nodes.rend(); ++it) {
      const Node* node = *it;
      const auto end = ends_.find(node);
      if (end != ends_.end()) {
        result.taken.insert(node);
        if (!any_needed(node)) continue;
        for (const Value* v : end->second.quantised->operands) needed.insert(v);
        result.units.push_back(std::move(end->second));
      } else if (inner_.count(node) != 0) {
        result.taken.insert(node);
      } else if (is_op(node, "DequantizeLinear") && !any_needed(node)) {
        result.taken.insert(node);
      } else {
        for (const Value* v : node->inputs()) {
          if (v != nullptr) needed.insert(v);
        }
      }
    }
    return result;
  }

  const Subgraph& subgraph_;
  std::unordered_set<const Node*> nodes_;
  std::unordered_set<const Value*> outputs_;
  std::unordered_map<const Value*, Derived> derived_;
  std::unordered_set<const Node*> inner_;
  std::unordered_map<const Node*, Unit> ends_;  // by QuantizeLinear
};

}  // namespace

QuantisedUnits match_quantised(const Subgraph& subgraph, const CompileOptions& options) {
  if (options.one_step_per_node) return {};
  return Matcher(subgraph).run();
}

}  // namespace oriel::cpu
