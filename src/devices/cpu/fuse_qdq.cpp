// Patterns of quantised operators as units on bytes. A function of one byte becomes a table, also through several
// patterns; convolutions, products and average pools run in integers, with or without a QuantizeLinear behind them;
// Concat copies.
#include <algorithm>
#include <cmath>
#include <limits>
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

bool is_op(const Node* node, std::string_view name) {
  return node != nullptr && node->op().domain.empty() && node->op().name == name;
}

/// The parameters of a QuantizeLinear or DequantizeLinear between f32 and bytes; nothing where they are no single
/// constants.
std::optional<PerTensor> per_tensor(const Node& node) {
  const Value* scale = node.input(1);
  const Value* zero = node.input(2);
  if (!scale->is_constant() || scale->element() != ElementType::kF32 || scale->constant()->size() != 1 ||
      scale->constant()->rank() > 1)
    return std::nullopt;
  if (zero != nullptr && (!zero->is_constant() || zero->constant()->size() != 1)) return std::nullopt;
  if (node.attributes().get_int("block_size") != 0 || !find_rule(node)->decline(node, {}).empty()) return std::nullopt;
  return PerTensor{constant_f32(scale)[0], constant_zeros(zero)[0]};
}

// A scale for each channel, along axis 1, and one zero point for all of them.
struct PerChannel {
  std::vector<float> scales;
  std::int32_t zero = 0;
};

std::optional<PerChannel> per_channel(const Node& node) {
  const Value* scale = node.input(1);
  const Value* zero = node.input(2);
  if (!scale->is_constant() || scale->element() != ElementType::kF32 || scale->constant()->rank() != 1 ||
      (zero != nullptr && !zero->is_constant()))
    return std::nullopt;
  const Shape& shape = node.input(0)->shape();
  const std::int64_t axis = node.attributes().get_int("axis");
  if (!shape.is_ranked() || shape.rank() < 2 || (axis != 1 && axis + static_cast<std::int64_t>(shape.rank()) != 1))
    return std::nullopt;
  if (node.attributes().get_int("block_size") != 0 || !find_rule(node)->decline(node, {}).empty()) return std::nullopt;
  const std::vector<std::int32_t> zeros = constant_zeros(zero);
  PerChannel p{constant_f32(scale), zeros.empty() ? 0 : zeros[0]};
  const bool same = std::all_of(zeros.begin(), zeros.end(), [&](std::int32_t z) { return z == p.zero; });
  const bool positive = std::all_of(p.scales.begin(), p.scales.end(), [](float s) { return s > 0.0F; });
  if (!same || !positive || p.scales.empty()) return std::nullopt;
  return p;
}

// Operators whose every result depends on the elements at its own place alone.
bool by_element(const Node& node) {
  static const auto* const names = new std::unordered_set<std::string_view>{"Abs",
                                                                            "Acos",
                                                                            "Add",
                                                                            "Asin",
                                                                            "Atan",
                                                                            "Ceil",
                                                                            "Celu",
                                                                            "Clip",
                                                                            "Cos",
                                                                            "Div",
                                                                            "Elu",
                                                                            "Erf",
                                                                            "Exp",
                                                                            "Floor",
                                                                            "Gelu",
                                                                            "HardSigmoid",
                                                                            "HardSwish",
                                                                            "LeakyRelu",
                                                                            "Log",
                                                                            "Max",
                                                                            "Min",
                                                                            "Mish",
                                                                            "Mul",
                                                                            "Neg",
                                                                            "Pow",
                                                                            "Reciprocal",
                                                                            "Relu",
                                                                            "Round",
                                                                            "Selu",
                                                                            "Shrink",
                                                                            "Sigmoid",
                                                                            "Sign",
                                                                            "Sin",
                                                                            "Softplus",
                                                                            "Softsign",
                                                                            "Sqrt",
                                                                            "Sub",
                                                                            "Sum",
                                                                            "Swish",
                                                                            "Tanh",
                                                                            "ThresholdedRelu"};
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
  explicit Matcher(const Subgraph& subgraph)
      : subgraph_(subgraph), nodes_(subgraph.nodes.begin(), subgraph.nodes.end()) {
    outputs_.insert(subgraph.outputs.begin(), subgraph.outputs.end());
  }

  QuantisedUnits run() {
    for (const Node* node : subgraph_.nodes) {
      if (is_op(node, "QuantizeLinear") && is_byte(node->output()->element())) {
        if (ends_.count(node) == 0) match(*node);
      } else if (inner_.count(node) == 0) {
        forward(*node);
      }
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
    const Node* node = dequantised_or_constant(v);
    return node == nullptr || node->input(0)->is_constant() ? nullptr : node;
  }
  const Node* dequantised_or_constant(const Value* v) const {
    const Node* node = v == nullptr ? nullptr : v->producer();
    if (!inside(node) || !is_op(node, "DequantizeLinear") || !is_byte(node->input(0)->element())) return nullptr;
    return per_tensor(*node) ? node : nullptr;
  }

  void match(const Node& quantize) {
    const std::optional<PerTensor> to = per_tensor(quantize);
    if (!to || table(quantize)) return;
    const Value* x = quantize.input(0);
    const Node* node = x->producer();
    if (!inside(node) || node->num_outputs() != 1 || !read_once(x) || x->element() != ElementType::kF32) return;
    if (concat(*node, quantize) || softmax(*node, quantize, *to) || residual(*node, quantize, *to)) return;
    binary(*node, quantize, *to);
  }

  /// A unit around `node` whose result is the output of `end`.
  void add(std::shared_ptr<QuantisedUnit> q, const Node& node, std::vector<const Node*> absorbed, const Node& end,
           kernels::Activation activation = {}) {
    Unit unit;
    unit.node = &node;
    if (&node != &end && std::find(absorbed.begin(), absorbed.end(), &end) == absorbed.end()) absorbed.push_back(&end);
    for (const Node* n : absorbed) {
      if (n != &node) unit.absorbed.push_back(n);
      if (n != &end) inner_.insert(n);
    }
    if (&node != &end) inner_.insert(&node);
    unit.output = end.output();
    unit.activation = activation;
    unit.quantised = std::move(q);
    ends_.emplace(&end, std::move(unit));
  }

  static std::vector<const Tensor*> operands_of(const Node& node, const Tensor& first) {
    std::vector<const Tensor*> operands{&first};
    for (std::size_t i = 1; i < node.num_inputs(); ++i)
      operands.push_back(node.input(i) == nullptr ? nullptr : node.input(i)->constant());
    return operands;
  }

  // An expression over one byte: its 256 results in f32, or one where it is a constant.
  struct Curve {
    const Value* root = nullptr;
    std::vector<const Node*> nodes;  // the operators in it, the outermost first
  };

  std::optional<Tensor> results(const Value* v, Curve& curve) const {
    constexpr std::size_t kMostNodes = 16;
    if (v->is_constant()) return v->constant()->size() == 1 ? std::optional(*v->constant()) : std::nullopt;
    if (is_folded(v)) {
      const std::optional<Tensor> t =
          v->producer()->input(0)->constant()->size() == 1 ? constant_real(v) : std::nullopt;
      return t;
    }
    const Node* node = v->producer();
    if (dequantised(v) != nullptr) {
      const Value* bytes = node->input(0);
      const auto found = derived_.find(bytes);
      const Value* own = found == derived_.end() ? bytes : found->second.root;
      if (curve.root != nullptr && curve.root != own) return std::nullopt;
      curve.root = own;
      Tensor x = all_bytes(bytes->element());
      if (found != derived_.end())
        std::copy(found->second.table.begin(), found->second.table.end(), static_cast<std::uint8_t*>(x.raw()));
      return evaluate(*node, operands_of(*node, x));
    }
    if (!inside(node) || node->num_outputs() != 1 || v->element() != ElementType::kF32 || !by_element(*node))
      return std::nullopt;
    if (curve.nodes.size() == kMostNodes) return std::nullopt;
    curve.nodes.push_back(node);
    std::vector<Tensor> operands;
    for (const Value* x : node->inputs()) {
      const std::optional<Tensor> t = x == nullptr ? std::optional<Tensor>(std::in_place) : results(x, curve);
      if (!t) return std::nullopt;
      operands.push_back(*t);
    }
    std::vector<const Tensor*> pointers;
    for (const Tensor& t : operands) pointers.push_back(t.defined() ? &t : nullptr);
    return evaluate(*node, pointers);
  }

  bool table(const Node& quantize) {
    const Value* x = quantize.input(0);
    Curve curve;
    const std::optional<Tensor> y = results(x, curve);
    if (!y || curve.root == nullptr || y->size() != 256) return false;
    if (!curve.root->shape().is_ranked() || !curve.root->shape().same(x->shape())) return false;
    const Tensor bytes = evaluate(quantize, operands_of(quantize, *y));
    auto q = std::make_shared<QuantisedUnit>();
    q->kind = QuantisedUnit::Kind::kTable;
    q->operands = {curve.root};
    std::copy_n(static_cast<const std::uint8_t*>(bytes.raw()), 256, q->table.begin());
    derived_.emplace(quantize.output(), Derived{curve.root, q->table});
    // What others read too stays.
    std::vector<const Node*> absorbed;
    for (const Node* n : curve.nodes) {
      const std::vector<Node*>& users = n->output()->users();
      const bool own = std::all_of(users.begin(), users.end(), [&](const Node* u) {
        return u == &quantize || std::find(absorbed.begin(), absorbed.end(), u) != absorbed.end();
      });
      if (own && outputs_.count(n->output()) == 0 && std::find(absorbed.begin(), absorbed.end(), n) == absorbed.end())
        absorbed.push_back(n);
    }
    const Node& named = absorbed.empty() ? quantize : *absorbed.front();
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
      const Node* from = dequantised_or_constant(node.input(i));
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

  bool softmax(const Node& node, const Node& quantize, const PerTensor& to) {
    const Node* from = is_op(&node, "Softmax") ? dequantised(node.input(0)) : nullptr;
    if (from == nullptr) return false;
    auto q = std::make_shared<QuantisedUnit>();
    q->kind = QuantisedUnit::Kind::kSoftmax;
    q->axis = node.attributes().get_int("axis");
    q->operands = {from->input(0)};
    const PerTensor x = *per_tensor(*from);
    q->scales = {x.scale, to.scale};
    q->zeros = {x.zero, to.zero};
    add(q, node, {&node}, quantize);
    return true;
  }

  // What follows a node and is computed along with it.
  struct Tail {
    std::vector<const Node*> absorbed;
    const Node* end;
    kernels::Activation activation;
    const Node* quantize = nullptr;
  };

  const Node* only_user(const Value* v) const {
    if (!read_once(v) || !inside(v->users()[0])) return nullptr;
    const Node* user = v->users()[0];
    return user->input(0) == v || user->num_inputs() == 2 ? user : nullptr;
  }

  /// Extends a tail by an activation and a QuantizeLinear. With `clamps_only` bytes come from clamping activations
  /// alone.
  void close(Tail& tail, bool clamps_only) const {
    const Node* user = only_user(tail.end->output());
    bool clamps = true;
    if (user != nullptr && user->input(0) == tail.end->output()) {
      if (const std::optional<kernels::Activation> f = activation_of(*user)) {
        tail.activation = *f;
        tail.absorbed.push_back(user);
        tail.end = user;
        clamps = f->kind == kernels::ActivationKind::kRelu || f->kind == kernels::ActivationKind::kClip;
        user = only_user(tail.end->output());
      }
    }
    if (user == nullptr || !is_op(user, "QuantizeLinear") || user->input(0) != tail.end->output() ||
        !is_byte(user->output()->element()))
      return;
    if (!per_tensor(*user) || (clamps_only && !clamps)) return;
    tail.absorbed.push_back(user);
    tail.end = tail.quantize = user;
  }

  void output_of(QuantisedUnit& q, const Tail& tail) const {
    const PerTensor to = tail.quantize != nullptr ? *per_tensor(*tail.quantize) : PerTensor{};
    q.scales.push_back(to.scale);
    q.zeros.push_back(to.zero);
  }

  void forward(const Node& node) {
    if (node.num_outputs() != 1 || node.num_inputs() == 0 || node.output()->element() != ElementType::kF32) return;
    if (is_op(&node, "Conv")) {
      convolution(node);
    } else if (is_op(&node, "MatMul") || is_op(&node, "Gemm")) {
      product(node);
    } else if (serves_byte_average(node)) {
      average(node);
    } else if (is_op(&node, "Mul")) {
      dynamic(node);
    }
  }

  /// The values of a constant f32 operand, or of a DequantizeLinear of constants; nothing for others.
  static std::optional<Tensor> constant_real(const Value* v) {
    if (!is_folded(v) || v->element() != ElementType::kF32) return std::nullopt;
    if (v->is_constant()) return *v->constant();
    std::vector<const Tensor*> operands;
    for (const Value* x : v->producer()->inputs()) operands.push_back(x == nullptr ? nullptr : x->constant());
    return evaluate(*v->producer(), operands);
  }

  /// A bias of one value, or one for each of `count` columns, along the last axis; nothing where it is anything else.
  static std::optional<std::vector<float>> column_bias(const Value* v, std::int64_t count) {
    const std::optional<Tensor> t = constant_real(v);
    if (!t || (t->size() != 1 && (t->size() != count || t->rank() == 0 || t->dims().back() != count)))
      return std::nullopt;
    std::vector<float> bias;
    for (std::int64_t i = 0; i < count; ++i) bias.push_back(t->data<float>()[t->size() == 1 ? 0 : i]);
    return bias;
  }

  /// Scales and zero points of the constant bytes behind a DequantizeLinear: one, or one for each index of `axis`.
  static bool weights_of(const Node* dequantize, std::int64_t axis, QuantisedUnit& q) {
    if (!is_op(dequantize, "DequantizeLinear") || !is_folded(dequantize->output()) ||
        !is_byte(dequantize->input(0)->element()))
      return false;
    if (dequantize->attributes().get_int("block_size") != 0 || dequantize->input(1)->element() != ElementType::kF32)
      return false;
    const Tensor& w = *dequantize->input(0)->constant();
    const auto rank = static_cast<std::int64_t>(w.rank());
    const std::int64_t own = dequantize->attributes().get_int("axis");
    const auto fits = [&](const Value* v) {
      const Tensor& t = *v->constant();
      if (t.size() == 1 && t.rank() <= 1) return true;
      return (own == axis || own + rank == axis) && t.rank() == 1 && t.dim(0) == w.dim(static_cast<std::size_t>(axis));
    };
    if (!fits(dequantize->input(1)) || (dequantize->input(2) != nullptr && !fits(dequantize->input(2)))) return false;
    q.weight_scales = constant_f32(dequantize->input(1));
    q.weight_zeros = constant_zeros(dequantize->input(2));
    return true;
  }

  /// The DequantizeLinear of bytes with a scale a channel behind an operand; else null.
  const Node* dequantised_by_channel(const Value* v) const {
    const Node* node = v->producer();
    if (!inside(node) || !is_op(node, "DequantizeLinear") || !is_byte(node->input(0)->element()) ||
        node->input(0)->is_constant())
      return nullptr;
    return per_channel(*node) ? node : nullptr;
  }

  /// Whether saturation to bytes clamps as the activation does, in every channel.
  static bool saturates(const kernels::Activation& f, const PerChannel& to, ElementType type) {
    if (f.kind == kernels::ActivationKind::kNone || f.kind == kernels::ActivationKind::kRelu) return true;
    if (f.kind != kernels::ActivationKind::kClip) return false;
    const std::int32_t least = type == ElementType::kU8 ? 0 : -128;
    return std::all_of(to.scales.begin(), to.scales.end(), [&](float scale) {
      return std::nearbyint(f.a / scale) <= static_cast<float>(least - to.zero) &&
             std::nearbyint(f.b / scale) >= static_cast<float>(least + 255 - to.zero);
    });
  }

  /// Extends the tail of a convolution by a QuantizeLinear with a scale a channel. The scales join those of the sums,
  /// so that the output's own is 1.
  void absorb_channel_scales(Tail& tail, std::int64_t channels, QuantisedUnit& q) const {
    const Node* user = only_user(tail.end->output());
    if (!is_op(user, "QuantizeLinear") || user->input(0) != tail.end->output() || !is_byte(user->output()->element()))
      return;
    const std::optional<PerChannel> to = per_channel(*user);
    if (!to || static_cast<std::int64_t>(to->scales.size()) != channels ||
        !saturates(tail.activation, *to, user->output()->element()))
      return;
    q.weight_scales.resize(static_cast<std::size_t>(channels), q.weight_scales[0]);
    for (std::size_t c = 0; c < to->scales.size(); ++c) {
      q.weight_scales[c] /= to->scales[c];
      if (!q.offset.empty()) q.offset[c] /= to->scales[c];
    }
    if (tail.activation.kind == kernels::ActivationKind::kClip) tail.activation = {};
    tail.absorbed.push_back(user);
    tail.end = user;
    q.scales.push_back(1.0F);
    q.zeros.push_back(to->zero);
  }

  void convolution(const Node& node) {
    const Node* weights = node.input(1)->producer();
    if (!is_op(weights, "DequantizeLinear") || !weights->input(0)->is_constant()) return;
    const Value* w = weights->input(0);
    const Node* from = dequantised(node.input(0));
    const bool by_channel = from == nullptr;
    if (by_channel) from = dequantised_by_channel(node.input(0));
    if (from == nullptr) return;
    auto q = std::make_shared<QuantisedUnit>();
    if (!weights_of(weights, 0, *q) || !serves_integer_conv(w, from->input(0))) return;
    q->kind = QuantisedUnit::Kind::kConv;
    q->operands = {from->input(0), w};
    const std::int64_t channels = w->constant()->dim(0);
    if (by_channel) {
      // A scale a channel leaves the sum where every output channel reads one channel.
      const PerChannel x = *per_channel(*from);
      const auto ins = static_cast<std::int64_t>(x.scales.size());
      if (w->constant()->dim(1) != 1 || node.attributes().get_int("group") != ins || channels % ins != 0) return;
      q->weight_scales.resize(static_cast<std::size_t>(channels), q->weight_scales[0]);
      for (std::int64_t c = 0; c < channels; ++c)
        q->weight_scales[static_cast<std::size_t>(c)] *= x.scales[static_cast<std::size_t>(c / (channels / ins))];
      q->scales = {1.0F};
      q->zeros = {x.zero};
    } else {
      const PerTensor x = *per_tensor(*from);
      q->scales = {x.scale};
      q->zeros = {x.zero};
    }
    if (node.input(2) != nullptr) {
      const std::optional<Tensor> bias = constant_real(node.input(2));
      if (!bias || bias->size() != channels) return;
      q->offset.assign(bias->data<float>(), bias->data<float>() + channels);
    }
    Tail tail{{}, &node, {}, nullptr};
    close(tail, false);
    if (tail.quantize == nullptr) absorb_channel_scales(tail, channels, *q);
    if (q->scales.size() == 1) output_of(*q, tail);
    add(q, node, tail.absorbed, *tail.end, tail.activation);
  }

  void product(const Node& node) {
    const bool gemm = is_op(&node, "Gemm");
    const Node* from = dequantised(node.input(0));
    if (gemm && node.attributes().get_int("transA") != 0) return;
    if (from == nullptr) return weight_only(node);
    auto q = std::make_shared<QuantisedUnit>();
    q->kind = QuantisedUnit::Kind::kProduct;
    q->transpose_b = gemm && node.attributes().get_int("transB") != 0;
    const PerTensor a = *per_tensor(*from);
    q->scales = {gemm ? a.scale * node.attributes().get_float("alpha") : a.scale};
    q->zeros = {a.zero};
    std::optional<std::int64_t> columns;
    const Node* weights = node.input(1)->producer();
    if (is_op(weights, "DequantizeLinear") && weights->input(0)->is_constant()) {
      const Tensor& w = *weights->input(0)->constant();
      const std::int64_t axis = q->transpose_b ? 0 : 1;
      if (w.rank() != 2 || w.size() == 0 || !weights_of(weights, axis, *q)) return;
      columns = w.dim(static_cast<std::size_t>(axis));
    } else {
      weights = dequantised(node.input(1));
      if (weights == nullptr) return;
      const PerTensor b = *per_tensor(*weights);
      q->weight_scales = {b.scale};
      q->weight_zeros = {b.zero};
      const Shape& shape = weights->input(0)->shape();
      if (shape.is_ranked() && shape.rank() > 1) {
        const Dim& last = shape[q->transpose_b ? shape.rank() - 2 : shape.rank() - 1];
        if (last.is_known()) columns = last.value();
      }
    }
    q->operands = {from->input(0), weights->input(0)};
    Tail tail{{}, &node, {}, nullptr};
    if (gemm && node.input(2) != nullptr && node.attributes().get_float("beta") != 0.0F) {
      const std::optional<std::vector<float>> bias = columns ? column_bias(node.input(2), *columns) : std::nullopt;
      if (!bias) return;
      q->offset = *bias;
      for (float& v : q->offset) v *= node.attributes().get_float("beta");
    }
    if (!gemm) absorb_bias(tail, columns, *q);
    close(tail, true);
    output_of(*q, tail);
    add(q, node, tail.absorbed, *tail.end, tail.activation);
  }

  // f32 times constant weights of few bits. Many rows repay unpacking 8 bits once and for all.
  void weight_only(const Node& node) {
    constexpr std::int64_t kManyRows = 32;
    const bool gemm = is_op(&node, "Gemm");
    const Node* weights = node.input(1)->producer();
    auto q = std::make_shared<QuantisedUnit>();
    q->transpose_b = gemm && node.attributes().get_int("transB") != 0;
    const Shape& shape = node.input(0)->shape();
    if (!is_op(weights, "DequantizeLinear") || !serves_weight_only(*weights, q->transpose_b) || !shape.is_ranked() ||
        shape.rank() == 0)
      return;
    std::int64_t rows = 1;
    for (std::size_t i = 0; i + 1 < shape.rank(); ++i) rows *= shape[i].is_known() ? shape[i].value() : 1;
    if (rows >= kManyRows && is_byte(weights->input(0)->element())) return;
    const std::int64_t columns = weights->input(0)->constant()->dim(q->transpose_b ? 0 : 1);
    q->kind = QuantisedUnit::Kind::kWeightOnly;
    q->operands = {node.input(0)};
    q->weights = weights;
    q->scales = {gemm ? node.attributes().get_float("alpha") : 1.0F};
    Tail tail{{}, &node, {}, nullptr};
    if (gemm && node.input(2) != nullptr && node.attributes().get_float("beta") != 0.0F) {
      const std::optional<std::vector<float>> bias = column_bias(node.input(2), columns);
      if (!bias) return;
      q->offset = *bias;
      for (float& v : q->offset) v *= node.attributes().get_float("beta");
    }
    if (!gemm) absorb_bias(tail, columns, *q);
    if (const Node* user = only_user(tail.end->output()); user != nullptr && user->input(0) == tail.end->output()) {
      if (const std::optional<kernels::Activation> f = activation_of(*user)) {
        tail.activation = *f;
        tail.absorbed.push_back(user);
        tail.end = user;
      }
    }
    add(q, node, tail.absorbed, *tail.end, tail.activation);
  }

  /// An Add of a constant, one value a column, behind the end of a tail.
  void absorb_bias(Tail& tail, const std::optional<std::int64_t>& columns, QuantisedUnit& q) const {
    const Value* y = tail.end->output();
    const Node* user = only_user(y);
    if (!columns || !is_op(user, "Add") || !y->shape().is_ranked() || y->shape().rank() == 0) return;
    if (user->output()->shape().rank() != y->shape().rank() || user->input(0) == user->input(1)) return;
    const std::optional<std::vector<float>> bias = column_bias(user->input(user->input(0) == y ? 1 : 0), *columns);
    if (!bias) return;
    q.offset = *bias;
    tail.absorbed.push_back(user);
    tail.end = user;
  }

  void average(const Node& node) {
    const Node* from = dequantised(node.input(0));
    if (from == nullptr) return;
    auto q = std::make_shared<QuantisedUnit>();
    q->kind = QuantisedUnit::Kind::kAverage;
    q->operands = {from->input(0)};
    const PerTensor x = *per_tensor(*from);
    q->scales = {x.scale};
    q->zeros = {x.zero};
    Tail tail{{}, &node, {}, nullptr};
    const Node* user = only_user(node.output());
    if (is_op(user, "QuantizeLinear") && user->input(0) == node.output() && is_byte(user->output()->element()) &&
        per_tensor(*user)) {
      tail.absorbed.push_back(user);
      tail.end = tail.quantize = user;
    }
    output_of(*q, tail);
    add(q, node, tail.absorbed, *tail.end);
  }

  /// Whether elements belong to the channels of a tensor of this rank, one each.
  static bool by_channel(const Tensor& t, std::size_t rank, std::int64_t channels) {
    const std::size_t missing = rank - std::min(rank, t.rank());
    return missing <= 1 && t.rank() <= rank && t.size() == channels && t.dim(1 - missing) == channels;
  }

  /// An Add of a constant, one value a channel, behind the end of a tail.
  void absorb_channel_bias(Tail& tail, std::size_t rank, std::int64_t channels, QuantisedUnit& q) const {
    const Value* y = tail.end->output();
    const Node* user = only_user(y);
    if (!is_op(user, "Add") || user->input(0) == user->input(1)) return;
    const std::optional<Tensor> t = constant_real(user->input(user->input(0) == y ? 1 : 0));
    if (!t || !by_channel(*t, rank, channels)) return;
    q.offset.assign(t->data<float>(), t->data<float>() + channels);
    tail.absorbed.push_back(user);
    tail.end = user;
  }

  static bool one_element(const Value* v) {
    const Dim count = v->shape().elements();
    return count.is_known() && count.value() == 1;
  }

  // MatMulInteger or ConvInteger -> Cast -> Mul with a scale of a that comes from a run and constant ones of b.
  void dynamic(const Node& scaling) {
    for (std::size_t side = 0; side < 2; ++side) {
      const Node* cast = scaling.input(side)->producer();
      if (!inside(cast) || !is_op(cast, "Cast") || !read_once(cast->output()) ||
          cast->output()->element() != ElementType::kF32)
        continue;
      const Node* node = cast->input(0)->producer();
      if (!inside(node) || !read_once(node->output())) continue;
      const bool convolution = is_op(node, "ConvInteger");
      if (!convolution && !is_op(node, "MatMulInteger")) continue;
      const Value* b = node->input(1);
      if (!b->is_constant() || b->constant()->size() == 0) continue;
      if (convolution ? !serves_integer_conv(b, node->input(0)) : b->constant()->rank() != 2) continue;
      if (node->input(2) != nullptr && !one_element(node->input(2))) continue;
      auto q = std::make_shared<QuantisedUnit>();
      q->kind = QuantisedUnit::Kind::kDynamic;
      const std::int64_t columns = b->constant()->dim(convolution ? 0 : 1);
      const std::size_t rank = convolution ? b->constant()->rank() : 2;
      const auto fits = [&](const Tensor& t) {
        if (t.size() == 1) return t.rank() <= rank;
        return convolution ? by_channel(t, rank, columns)
                           : t.size() == columns && t.rank() > 0 && t.rank() <= 2 && t.dims().back() == columns;
      };
      if (!fixed_operand(node->input(3))) continue;
      if (const Value* zero = node->input(3)) {
        const Tensor& t = *zero->constant();
        if (convolution ? t.size() != 1 && (t.rank() != 1 || t.dim(0) != columns) : !fits(t)) continue;
      }
      q->weight_zeros = constant_zeros(node->input(3));
      Tail tail{{cast}, &scaling, {}, nullptr};
      const Value* scale = scaling.input(1 - side);
      const Value* a_scale = nullptr;
      const Node* factors = scale->producer();
      if (scale->is_constant() && fits(*scale->constant())) {
        q->weight_scales = constant_f32(scale);
      } else if (inside(factors) && is_op(factors, "Mul")) {
        const std::size_t constant = factors->input(0)->is_constant() ? 0 : 1;
        if (!factors->input(constant)->is_constant() || !fits(*factors->input(constant)->constant())) continue;
        q->weight_scales = constant_f32(factors->input(constant));
        a_scale = factors->input(1 - constant);
        if (read_once(scale)) tail.absorbed.push_back(factors);
      } else if (one_element(scale)) {
        q->weight_scales = {1.0F};
        a_scale = scale;
      } else {
        continue;
      }
      if (q->weight_scales.empty() || (a_scale != nullptr && (!one_element(a_scale) || a_scale->shape().rank() > 1)))
        continue;
      // Nothing but the product may give the result its shape.
      const Shape& shape = node->output()->shape();
      if (!shape.is_ranked() || !scaling.output()->shape().is_ranked() ||
          shape.rank() != scaling.output()->shape().rank() || shape.rank() == 0)
        continue;
      q->operands = {node->input(0), b, a_scale, node->input(2)};
      tail.absorbed.push_back(&scaling);
      if (convolution) {
        absorb_channel_bias(tail, rank, columns, *q);
      } else {
        absorb_bias(tail, columns, *q);
      }
      close(tail, true);
      if (tail.quantize != nullptr) {
        tail.absorbed.pop_back();
        tail.end = tail.absorbed.back();
        tail.quantize = nullptr;
      }
      output_of(*q, tail);
      add(q, *node, tail.absorbed, *tail.end, tail.activation);
      return;
    }
  }

  // conv -> QuantizeLinear -> DequantizeLinear -> Add of other bytes -> QuantizeLinear: the addition joins the
  // convolution, which clamps and rounds before it as its own QuantizeLinear did.
  bool residual(const Node& node, const Node& quantize, const PerTensor& to) {
    if (!is_op(&node, "Add")) return false;
    const Node* best = nullptr;
    std::size_t best_side = 0;
    for (std::size_t side = 0; side < 2; ++side) {
      const Node* from = dequantised(node.input(side));
      const Node* other = dequantised(node.input(1 - side));
      if (from == nullptr || other == nullptr) return false;
      if (!read_once(node.input(side)) || !read_once(from->input(0)) || node.input(side) == node.input(1 - side))
        continue;
      if (!from->input(0)->shape().is_ranked() || !from->input(0)->shape().same(other->input(0)->shape())) continue;
      const Node* own = from->input(0)->producer();
      const auto end = ends_.find(own);
      if (end == ends_.end() || end->second.quantised->kind != QuantisedUnit::Kind::kConv ||
          end->second.quantised->operands.size() != 2 || !per_tensor(*own))
        continue;
      const kernels::ActivationKind kind = end->second.activation.kind;
      if (kind != kernels::ActivationKind::kNone && kind != kernels::ActivationKind::kRelu &&
          kind != kernels::ActivationKind::kClip)
        continue;
      // A unit of bytes that reads them again under other parameters sees another saturation.
      const PerTensor x = *per_tensor(*from);
      const PerTensor made = *per_tensor(*own);
      if (x.scale != made.scale || x.zero != made.zero) continue;
      if (best != nullptr && best->id() > own->id()) continue;
      best = own;
      best_side = side;
    }
    if (best == nullptr) return false;
    const Node* from = dequantised(node.input(best_side));
    const Node* other = dequantised(node.input(1 - best_side));
    const auto end = ends_.find(best);
    const Unit conv = std::move(end->second);
    ends_.erase(end);
    inner_.insert(best);
    const PerTensor made = *per_tensor(*best);
    const PerTensor addend = *per_tensor(*other);
    auto q = std::make_shared<QuantisedUnit>(*conv.quantised);
    q->operands.push_back(other->input(0));
    q->middle_step = made.scale;
    q->residual_scale = addend.scale;
    q->residual_zero = addend.zero;
    q->scales.back() = to.scale;
    q->zeros.back() = to.zero;
    const std::int32_t least = best->output()->element() == ElementType::kU8 ? 0 : -128;
    kernels::Activation clamp{kernels::ActivationKind::kClip, static_cast<float>(least - made.zero) * made.scale,
                              static_cast<float>(least + 255 - made.zero) * made.scale};
    if (conv.activation.kind == kernels::ActivationKind::kRelu) clamp.a = std::max(clamp.a, 0.0F);
    if (conv.activation.kind == kernels::ActivationKind::kClip) {
      clamp.a = std::min(std::max(clamp.a, conv.activation.a), clamp.b);
      clamp.b = std::max(std::min(clamp.b, conv.activation.b), clamp.a);
    }
    std::vector<const Node*> absorbed = conv.absorbed;
    absorbed.push_back(from);
    absorbed.push_back(&node);
    add(q, *conv.node, std::move(absorbed), quantize, clamp);
    return true;
  }

  // Keeps the units that somebody reads; nodes that no longer have a reader are taken.
  QuantisedUnits live() {
    QuantisedUnits result;
    std::unordered_set<const Value*> needed(outputs_.begin(), outputs_.end());
    const auto any_needed = [&](const Node* n) {
      return std::any_of(n->outputs().begin(), n->outputs().end(),
                         [&](const Value* v) { return needed.count(v) != 0; });
    };
    for (auto it = subgraph_.nodes.rbegin(); it != subgraph_.nodes.rend(); ++it) {
      const Node* node = *it;
      const auto end = ends_.find(node);
      if (end != ends_.end()) {
        result.taken.insert(node);
        if (!any_needed(node)) continue;
        for (const Value* v : end->second.quantised->operands) {
          if (v != nullptr) needed.insert(v);
        }
        result.units.push_back(std::move(end->second));
      } else if (inner_.count(node) != 0) {
        result.taken.insert(node);
      } else if (!any_needed(node)) {
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
