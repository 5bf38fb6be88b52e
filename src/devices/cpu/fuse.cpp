// Which neighbours a node's kernel computes along: batch norms, residual additions and activations behind convolutions
// and matrix products, zero pads before convolutions.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "devices/cpu/attention_unit.h"
#include "devices/cpu/quantised.h"

namespace oriel::cpu {
namespace {

using kernels::Activation;
using kernels::ActivationKind;

bool is_op(const Node* node, std::string_view name) {
  return node != nullptr && node->op().domain.empty() && node->op().name == name;
}

class Fuser {
 public:
  Fuser(const Subgraph& subgraph, const CompileOptions& options) : subgraph_(subgraph), options_(options) {
    for (std::size_t i = 0; i < subgraph.nodes.size(); ++i) position_.emplace(subgraph.nodes[i], i);
    outputs_.insert(subgraph.outputs.begin(), subgraph.outputs.end());
  }

  std::vector<Unit> run() {
    std::vector<std::pair<std::size_t, Unit>> units;  // position of the last node of each
    QuantisedUnits quantised = match_quantised(subgraph_, options_);
    taken_.insert(quantised.taken.begin(), quantised.taken.end());
    for (Unit& unit : quantised.units) {
      std::size_t last = position_.at(unit.node);
      for (const Node* n : unit.absorbed) last = std::max(last, position_.at(n));
      units.emplace_back(last, std::move(unit));
    }
    for (const Node* node : subgraph_.nodes) {
      if (taken_.count(node) != 0) continue;
      if (!options_.one_step_per_node && fusible(*node)) {
        Unit unit = start(node);
        if (is_op(node, "Conv")) {
          absorb_pad(unit);
          absorb_scale(unit);
        }
        grow(unit);
        std::size_t last = position_.at(node);
        for (const Node* n : unit.absorbed) last = std::max(last, position_.at(n));
        units.emplace_back(last, std::move(unit));
      } else if (!options_.one_step_per_node && is_op(node, "Attention") && node->num_outputs() == 1) {
        Unit unit = attention(node);
        const std::size_t last = position_.at(unit.absorbed.empty() ? node : unit.absorbed.back());
        units.emplace_back(last, std::move(unit));
      } else {
        units.emplace_back(position_.at(node), start(node));
      }
    }
    drop_bypassed(units);
    std::erase_if(units, [&](const auto& u) {
      return taken_.count(u.second.node) != 0 && u.second.absorbed.empty() && dropped(u.second.node);
    });
    std::stable_sort(units.begin(), units.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Unit> list;
    for (auto& [at, unit] : units) list.push_back(std::move(unit));
    return list;
  }

 private:
  static Unit start(const Node* node) {
    Unit unit;
    unit.node = node;
    unit.output = node->output();
    return unit;
  }

  // A node that a later unit absorbed (a Pad before its convolution) no longer stands alone.
  bool dropped(const Node* node) const { return absorbed_before_.count(node) != 0; }

  static bool fusible(const Node& node) {
    if (node.output()->element() != ElementType::kF32) return false;
    return is_op(&node, "Conv") || is_op(&node, "ConvTranspose") || is_op(&node, "Gemm") || is_op(&node, "MatMul");
  }

  // The one reader of a value inside the sub-graph, or null where there are several or it leaves.
  const Node* only_user(const Value* v) const {
    if (outputs_.count(v) != 0 || v->users().size() != 1) return nullptr;
    const Node* user = v->users()[0];
    return position_.count(user) != 0 && taken_.count(user) == 0 ? user : nullptr;
  }

  void absorb(Unit& unit, const Node* node) {
    unit.absorbed.push_back(node);
    unit.output = node->output();
    taken_.insert(node);
  }

  // Attention that reads Q, K and V where the products before left them and writes what a Transpose behind it would.
  Unit attention(const Node* node) {
    Unit unit = start(node);
    auto own = std::make_shared<AttentionUnit>();
    const auto may_skip = [&](const Node& n) {
      return position_.count(&n) != 0 && taken_.count(&n) == 0 && !defines_symbols(n);
    };
    for (std::size_t i = 0; i < 3; ++i) {
      own->operands[i] = look_through(node->input(i), may_skip);
      if (!own->operands[i].dense_rows()) own->operands[i] = whole(node->input(i));
      for (const Node* n : own->operands[i].nodes) bypassed_.emplace(position_.at(n), node);
    }
    const Node* user = only_user(unit.output);
    if (node->input(0)->shape().rank() == 4 && is_op(user, "Transpose") &&
        user->attributes().get_ints("perm", {}) == std::vector<std::int64_t>{0, 2, 1, 3}) {
      own->heads_last = true;
      absorb(unit, user);
    }
    attention_.emplace(node, own);
    unit.attention = std::move(own);
    return unit;
  }

  // Whether the node, as its unit runs, reads the value.
  bool reads(const Node* node, const Value* v) const {
    if (has_content(*node)) return false;
    const auto found = attention_.find(node);
    if (found == attention_.end()) return true;
    for (const StridedView& o : found->second->operands) {
      if (o.base == v) return true;
    }
    for (std::size_t i = 3; i < node->num_inputs(); ++i) {
      if (node->input(i) == v) return true;
    }
    return false;
  }

  // Units of nodes that attention looks through go where nobody else reads them; attention takes over their origins.
  void drop_bypassed(std::vector<std::pair<std::size_t, Unit>>& units) const {
    std::unordered_set<const Node*> gone;
    std::unordered_map<const Node*, std::vector<const Node*>> through;
    for (auto at = bypassed_.rbegin(); at != bypassed_.rend(); ++at) {
      const Node* node = subgraph_.nodes[at->first];
      if (gone.count(node) != 0) continue;
      const bool read = std::any_of(node->outputs().begin(), node->outputs().end(), [&](const Value* v) {
        return outputs_.count(v) != 0 || std::any_of(v->users().begin(), v->users().end(), [&](const Node* u) {
                 return position_.count(u) == 0 || (gone.count(u) == 0 && reads(u, v));
               });
      });
      if (read) continue;
      gone.insert(node);
      through[at->second].push_back(node);
    }
    std::erase_if(units, [&](const auto& u) { return gone.count(u.second.node) != 0; });
    for (auto& [at, unit] : units) {
      const auto found = through.find(unit.node);
      if (found != through.end())
        unit.absorbed.insert(unit.absorbed.begin(), found->second.rbegin(), found->second.rend());
    }
  }

  // Conv(Pad(x, 0)) with pads on spatial axes alone.
  void absorb_pad(Unit& unit) {
    const Node* pad = unit.node->input(0)->producer();
    if (!is_op(pad, "Pad") || position_.count(pad) == 0 || only_user_of(pad->output()) != unit.node) return;
    if (pad->attributes().get_string("mode", "constant") != "constant" ||
        (pad->num_inputs() > 3 && pad->input(3) != nullptr))
      return;
    if (unit.node->attributes().get_string("auto_pad", "NOTSET") != "NOTSET") return;
    if (pad->input(2) != nullptr && constant_scalar(pad->input(2)).value_or(1.0) != 0.0) return;
    const Value* amounts = pad->input(1);
    if (amounts == nullptr || !amounts->is_constant() || !unit.node->input(0)->shape().is_ranked() ||
        !pad->input(0)->shape().is_ranked())
      return;
    const std::vector<std::int64_t> pads = amounts->constant()->to_i64();
    const std::size_t rank = unit.node->input(0)->shape().rank();
    if (pads.size() != 2 * rank || pads[0] != 0 || pads[1] != 0 || pads[rank] != 0 || pads[rank + 1] != 0) return;
    if (std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p < 0; })) return;
    // A symbol that stands for what this Pad makes would never be learnt.
    if (defines_symbols(*pad)) return;
    for (std::size_t i = 2; i < rank; ++i) unit.extra_pads.push_back(pads[i]);
    for (std::size_t i = 2; i < rank; ++i) unit.extra_pads.push_back(pads[rank + i]);
    absorbed_before_.insert(pad);
    taken_.insert(pad);
    unit.absorbed.push_back(pad);
  }

  // Conv(Mul(x, s)) of a 1x1 kernel where s has one factor for each channel: what gates channels in mobile networks.
  void absorb_scale(Unit& unit) {
    if (options_.precision == CompileOptions::Precision::kBF16) return;
    const Node* mul = unit.node->input(0)->producer();
    if (!is_op(mul, "Mul") || position_.count(mul) == 0 || taken_.count(mul) != 0 || !unit.extra_pads.empty()) return;
    if (only_user_of(mul->output()) != unit.node || unit.node->attributes().get_int("group") != 1) return;
    if (!is_folded(unit.node->input(1)) || (unit.node->input(2) != nullptr && !is_folded(unit.node->input(2)))) return;
    const Shape& shape = mul->output()->shape();
    const Shape& weights = unit.node->input(1)->shape();
    if (!shape.is_ranked() || shape.rank() < 3 || shape.rank() > 5 || !weights.is_ranked()) return;
    for (std::size_t i = 2; i < weights.rank(); ++i) {
      if (!weights[i].is_known() || weights[i].value() != 1) return;
    }
    const auto is_one = [](const Dim& d) { return d.is_known() && d.value() == 1; };
    for (std::size_t i = 0; i < 2; ++i) {
      const Value* x = mul->input(i);
      const Shape& s = mul->input(1 - i)->shape();
      if (!x->shape().same(shape) || x == mul->input(1 - i) || !s.is_ranked() || s.rank() != shape.rank()) continue;
      if (!s[1].same(shape[1]) || !(s[0].same(shape[0]) || is_one(s[0]))) continue;
      bool points = true;
      for (std::size_t d = 2; d < s.rank(); ++d) points = points && is_one(s[d]);
      // A symbol that stands for what this product makes would never be learnt.
      if (!points || defines_symbols(*mul)) continue;
      absorbed_before_.insert(mul);
      taken_.insert(mul);
      unit.absorbed.push_back(mul);
      return;
    }
  }

  const Node* only_user_of(const Value* v) const {
    return outputs_.count(v) == 0 && v->users().size() == 1 ? v->users()[0] : nullptr;
  }

  // scale and shift of a node that is affine by channel (axis 1): BatchNormalization, or Mul/Add with a constant.
  bool affine_of(const Node* node, const Value* x, std::int64_t channels, std::vector<float>& scale,
                 std::vector<float>& shift) const {
    if (is_op(node, "BatchNormalization") && node->input(0) == x && node->num_outputs() == 1) {
      const std::vector<float> gamma = constant_f32(node->input(1));
      const std::vector<float> beta = constant_f32(node->input(2));
      const std::vector<float> mean = constant_f32(node->input(3));
      const std::vector<float> variance = constant_f32(node->input(4));
      const auto n = static_cast<std::size_t>(channels);
      if (gamma.size() != n || beta.size() != n || mean.size() != n || variance.size() != n) return false;
      const double epsilon = node->attributes().get_float("epsilon", 1e-5F);
      for (std::size_t c = 0; c < n; ++c) {
        const double s = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + epsilon);
        scale.push_back(static_cast<float>(s));
        shift.push_back(static_cast<float>(beta[c] - mean[c] * s));
      }
      return true;
    }
    if (!is_op(node, "Mul") && !is_op(node, "Add") && !is_op(node, "Sub")) return false;
    const bool second = node->input(0) == x;
    const std::vector<float> values = by_channel(node->input(second ? 1 : 0), x->shape(), channels);
    if (values.empty() || node->input(second ? 0 : 1) != x || (is_op(node, "Sub") && !second)) return false;
    const auto n = static_cast<std::size_t>(channels);
    scale.assign(n, 1.0F);
    shift.assign(n, 0.0F);
    for (std::size_t c = 0; c < n; ++c) {
      if (is_op(node, "Mul")) {
        scale[c] = values[c];
      } else {
        shift[c] = is_op(node, "Sub") ? -values[c] : values[c];
      }
    }
    return true;
  }

  // An f32 constant that is one number or one for each channel of `to`, whose axis 1 they are; else empty.
  static std::vector<float> by_channel(const Value* v, const Shape& to, std::int64_t channels) {
    if (v == nullptr || !v->is_constant() || v->element() != ElementType::kF32 || channels <= 0) return {};
    const Dims& dims = v->constant()->dims();
    if (dims.size() > to.rank()) return {};
    const std::size_t missing = to.rank() - dims.size();
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] != 1 && !(missing + i == 1 && dims[i] == channels)) return {};
    }
    std::vector<float> values = constant_f32(v);
    if (values.size() == 1) values.assign(static_cast<std::size_t>(channels), values[0]);
    return values;
  }

  void grow(Unit& unit) {
    const bool convolution = is_op(unit.node, "Conv") || is_op(unit.node, "ConvTranspose");
    const Shape& shape = unit.node->output()->shape();
    for (;;) {
      const Node* user = only_user(unit.output);
      const bool clean = unit.activation.kind == ActivationKind::kNone && unit.residual == nullptr;
      if (convolution && clean && user != nullptr && shape.is_ranked() && shape[1].is_known()) {
        std::vector<float> scale;
        std::vector<float> shift;
        if (affine_of(user, unit.output, shape[1].value(), scale, shift)) {
          if (unit.scale.empty()) {
            unit.scale = std::move(scale);
            unit.shift = std::move(shift);
          } else {
            for (std::size_t c = 0; c < scale.size(); ++c) {
              unit.scale[c] *= scale[c];
              unit.shift[c] = unit.shift[c] * scale[c] + shift[c];
            }
          }
          absorb(unit, user);
          continue;
        }
      }
      if (is_op(unit.node, "MatMul") && clean && unit.shift.empty() && user != nullptr && is_op(user, "Add") &&
          shape.is_ranked() && shape.rank() > 0) {
        const Value* other = user->input(0) == unit.output ? user->input(1) : user->input(0);
        const Dim& columns = shape[shape.rank() - 1];
        if (other->is_constant() && other->element() == ElementType::kF32 && other->shape().rank() > 0 &&
            columns.is_known() && other->constant()->size() == columns.value() &&
            other->constant()->dims().back() == columns.value() && user->output()->shape().rank() == shape.rank()) {
          unit.shift = constant_f32(other);
          absorb(unit, user);
          continue;
        }
      }
      if (user != nullptr && unit.residual == nullptr && is_op(user, "Add") &&
          (convolution || unit.activation.kind == ActivationKind::kNone)) {
        const Value* other = user->input(0) == unit.output ? user->input(1) : user->input(0);
        if (other != unit.output && !other->is_constant() && other->element() == ElementType::kF32 &&
            other->shape().same(unit.output->shape())) {
          unit.residual = other;
          unit.residual_after_activation = unit.activation.kind != ActivationKind::kNone;
          absorb(unit, user);
          continue;
        }
      }
      if (unit.activation.kind != ActivationKind::kNone) return;
      if (user != nullptr && user->input(0) == unit.output) {
        if (const std::optional<Activation> f = activation_of(*user)) {
          unit.activation = *f;
          absorb(unit, user);
          if (unit.residual != nullptr) return;
          continue;
        }
      }
      if (!gated(unit)) return;
    }
  }

  // x * sigmoid(x) and x * hardsigmoid(x), whose x has exactly these two readers.
  bool gated(Unit& unit) {
    const Value* x = unit.output;
    if (outputs_.count(x) != 0 || x->users().size() != 2) return false;
    const Node* a = x->users()[0];
    const Node* b = x->users()[1];
    if (is_op(a, "Mul")) std::swap(a, b);
    if (!is_op(b, "Mul") || position_.count(a) == 0 || position_.count(b) == 0 || taken_.count(a) != 0 ||
        taken_.count(b) != 0)
      return false;
    if (a->num_outputs() != 1 || a->input(0) != x || outputs_.count(a->output()) != 0 ||
        a->output()->users().size() != 1)
      return false;
    if (a->output()->users()[0] != b) return false;
    Activation f;
    if (is_op(a, "Sigmoid")) {
      f = {ActivationKind::kSwish, 1.0F, 0.0F};
    } else if (is_op(a, "HardSigmoid") && std::fabs(a->attributes().get_float("alpha") - 1.0F / 6.0F) < 1e-6F &&
               a->attributes().get_float("beta") == 0.5F) {
      f = {ActivationKind::kHardSwish, 0.0F, 0.0F};
    } else {
      return false;
    }
    unit.activation = f;
    absorb(unit, a);
    absorb(unit, b);
    return unit.residual == nullptr;
  }

  const Subgraph& subgraph_;
  const CompileOptions& options_;
  std::unordered_map<const Node*, std::size_t> position_;
  std::unordered_set<const Value*> outputs_;
  std::unordered_set<const Node*> taken_;
  std::unordered_set<const Node*> absorbed_before_;
  std::unordered_map<const Node*, std::shared_ptr<const AttentionUnit>> attention_;
  // Positions of the nodes that attention looks through, and the attention that does.
  std::multimap<std::size_t, const Node*> bypassed_;
};

}  // namespace

std::optional<Activation> activation_of(const Node& node) {
  if (!node.op().domain.empty() || node.output()->element() != ElementType::kF32) return std::nullopt;
  const std::string& name = node.op().name;
  const Attributes& a = node.attributes();
  if (name == "Relu") return Activation{ActivationKind::kRelu, 0, 0};
  if (name == "LeakyRelu") return Activation{ActivationKind::kLeakyRelu, a.get_float("alpha"), 0};
  if (name == "Elu") return Activation{ActivationKind::kElu, a.get_float("alpha"), 0};
  if (name == "Sigmoid") return Activation{ActivationKind::kSigmoid, 0, 0};
  if (name == "Tanh") return Activation{ActivationKind::kTanh, 0, 0};
  if (name == "HardSigmoid") return Activation{ActivationKind::kHardSigmoid, a.get_float("alpha"), a.get_float("beta")};
  if (name == "HardSwish") return Activation{ActivationKind::kHardSwish, 0, 0};
  if (name == "Softplus") return Activation{ActivationKind::kSoftplus, 0, 0};
  if (name == "Mish") return Activation{ActivationKind::kMish, 0, 0};
  if (name == "Swish") return Activation{ActivationKind::kSwish, a.get_float("alpha", 1.0F), 0};
  if (name == "Abs") return Activation{ActivationKind::kAbs, 0, 0};
  if (name == "Gelu") {
    return Activation{
        a.get_string("approximate", "none") == "tanh" ? ActivationKind::kGeluTanh : ActivationKind::kGeluErf, 0, 0};
  }
  if (name == "Clip") {
    // The standard's limits where an operand is left out: the finite ones.
    Activation f{ActivationKind::kClip, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max()};
    for (std::size_t i = 1; i < 3; ++i) {
      if (node.input(i) == nullptr) continue;
      const std::optional<double> limit = constant_scalar(node.input(i));
      if (!limit) return std::nullopt;
      (i == 1 ? f.a : f.b) = static_cast<float>(*limit);
    }
    return f;
  }
  return std::nullopt;
}

std::vector<Unit> fuse_units(const Subgraph& subgraph, const CompileOptions& options) {
  return Fuser(subgraph, options).run();
}

}  // namespace oriel::cpu
