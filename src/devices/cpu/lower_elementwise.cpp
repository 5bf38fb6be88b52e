// Elementwise operators of one and two operands: f32 functions in any layout, arithmetic of every type with
// broadcasting.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "devices/cpu/lowering.h"
#include "devices/cpu/numbers.h"
#include "kernels/elementwise/binary.h"
#include "kernels/elementwise/cast.h"
#include "kernels/elementwise/unary.h"
#include "ops/broadcast_to.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

constexpr std::int64_t kGrain = 16384;

// f32 functions that are no activation.
struct Function {
  UnaryOp op;
  float a = 0.0F;
  float b = 0.0F;
};

std::optional<Function> function_of(const Node& node) {
  static const std::map<std::string, UnaryOp>* const plain =
      new std::map<std::string, UnaryOp>{{"Neg", UnaryOp::kNeg},           {"Sign", UnaryOp::kSign},
                                         {"Floor", UnaryOp::kFloor},       {"Ceil", UnaryOp::kCeil},
                                         {"Round", UnaryOp::kRound},       {"Sqrt", UnaryOp::kSqrt},
                                         {"Exp", UnaryOp::kExp},           {"Log", UnaryOp::kLog},
                                         {"Sin", UnaryOp::kSin},           {"Cos", UnaryOp::kCos},
                                         {"Tan", UnaryOp::kTan},           {"Asin", UnaryOp::kAsin},
                                         {"Acos", UnaryOp::kAcos},         {"Atan", UnaryOp::kAtan},
                                         {"Sinh", UnaryOp::kSinh},         {"Cosh", UnaryOp::kCosh},
                                         {"Asinh", UnaryOp::kAsinh},       {"Acosh", UnaryOp::kAcosh},
                                         {"Atanh", UnaryOp::kAtanh},       {"Erf", UnaryOp::kErf},
                                         {"Softsign", UnaryOp::kSoftsign}, {"Reciprocal", UnaryOp::kReciprocal}};
  if (!node.op().domain.empty()) return std::nullopt;
  const auto found = plain->find(node.op().name);
  if (found != plain->end()) return Function{found->second};
  const Attributes& a = node.attributes();
  if (node.op().name == "Selu") return Function{UnaryOp::kSelu, a.get_float("alpha"), a.get_float("gamma")};
  if (node.op().name == "Celu") return Function{UnaryOp::kCelu, a.get_float("alpha"), 0};
  if (node.op().name == "ThresholdedRelu") return Function{UnaryOp::kThresholdedRelu, a.get_float("alpha"), 0};
  if (node.op().name == "Shrink") return Function{UnaryOp::kShrink, a.get_float("lambd"), a.get_float("bias")};
  return std::nullopt;
}

// Whether f(0) is 0, so that the zeros behind the last channel stay.
bool keeps_zero(const Function& f) {
  switch (f.op) {
    case UnaryOp::kReciprocal:
    case UnaryOp::kExp:
    case UnaryOp::kLog:
    case UnaryOp::kCos:
    case UnaryOp::kAcos:
    case UnaryOp::kCosh:
    case UnaryOp::kAcosh:
      return false;
    default:
      return true;
  }
}

// Whether the vector kernels have the function.
bool in_f32(const Node& node) {
  return node.input(0)->element() == ElementType::kF32 && (activation_of(node) || function_of(node));
}

std::string decline_unary(const Node& node, const CompileOptions&) {
  if (in_f32(node) || has_number_function(node)) return {};
  return formatted("no kernel for {}", element_name(node.input(0)->element()));
}

bool unary_reads_blocked(const Node& node, std::size_t input) {
  if (input != 0 || !in_f32(node)) return false;
  const std::optional<Activation> f = activation_of(node);
  return whole_blocks(node.input(0)->shape()) || (f ? kernels::keeps_zero(*f) : keeps_zero(*function_of(node)));
}

// Elements in memory, the zeros of the last block included.
std::int64_t stored(const Tensor& t, bool blocked) {
  return blocked ? count_elements(blocked_storage(t.dims())) : t.size();
}

void lower_unary(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  if (!in_f32(node)) return lower_number_function(lowering, unit);
  const Value* x = node.input(0);
  const bool blocked = lowering.is_blocked(x) && unary_reads_blocked(node, 0);
  Lowering::StepSpec spec;
  spec.inputs = {blocked ? lowering.blocked(x) : lowering.plain(x)};
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.in_place = {0};
  spec.kernel = "unary_f32";
  spec.algorithm = node.op().name;
  const std::optional<Activation> f = activation_of(node);
  const Function g = f ? Function{} : *function_of(node);
  spec.run = [f, g, blocked](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    const auto* from = static_cast<const float*>(in.raw());
    Tensor& out = outputs.allocate(0, ElementType::kF32, in.dims());
    auto* to = static_cast<float*>(out.raw());
    parallel(context, stored(out, blocked), kGrain, [&](std::int64_t first, std::int64_t last, int) {
      if (f) {
        activate_f32(*f, from + first, to + first, last - first);
      } else {
        unary_f32(g.op, g.a, g.b, from + first, to + first, last - first);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

std::optional<BinaryOp> binary_of(const Node& node) {
  static const std::map<std::string, BinaryOp>* const ops = new std::map<std::string, BinaryOp>{
      {"Add", BinaryOp::kAdd},         {"Sub", BinaryOp::kSub},           {"Mul", BinaryOp::kMul},
      {"Div", BinaryOp::kDiv},         {"Max", BinaryOp::kMax},           {"Min", BinaryOp::kMin},
      {"PRelu", BinaryOp::kPrelu},     {"Pow", BinaryOp::kPow},           {"BitwiseAnd", BinaryOp::kBitAnd},
      {"BitwiseOr", BinaryOp::kBitOr}, {"BitwiseXor", BinaryOp::kBitXor}, {"And", BinaryOp::kBitAnd},
      {"Or", BinaryOp::kBitOr},        {"Xor", BinaryOp::kBitXor}};
  if (node.op().name == "BitShift" && node.op().domain.empty()) {
    return node.attributes().get_string("direction") == "LEFT" ? BinaryOp::kShiftLeft : BinaryOp::kShiftRight;
  }
  if (node.op().name == "Mod" && node.op().domain.empty())
    return node.attributes().get_int("fmod") != 0 ? BinaryOp::kFmod : BinaryOp::kFloorMod;
  const auto found = ops->find(node.op().name);
  return found == ops->end() || !node.op().domain.empty() ? std::nullopt : std::optional(found->second);
}

bool is_unsigned(ElementType type) {
  return type == ElementType::kU8 || type == ElementType::kU16 || type == ElementType::kU32 ||
         type == ElementType::kU64;
}

// A power whose exponent may be cast to the base's type first.
bool has_cast_exponent(const Node& node) {
  const ElementType base = node.input(0)->element();
  const ElementType exponent = node.input(1)->element();
  return node.op().name == "Pow" && has_cast(base) && has_cast(exponent) && (is_float(base) || is_integer(exponent));
}

std::string decline_binary(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  if (node.num_inputs() != 2) return "more than two operands";
  if (node.input(0)->element() != node.input(1)->element() && !has_cast_exponent(node))
    return "operands of different types";
  if (!has_binary(*binary_of(node), type)) return formatted("no kernel for {}", element_name(type));
  if (node.op().name == "BitShift" && !is_unsigned(type)) return "no kernel shifts signed integers";
  if (node.output()->shape().is_ranked() && node.output()->shape().rank() + 1 > kMaxBroadcastRank)
    return "a rank above 15";
  return {};
}

// How an operand joins a blocked operation on `out`: blocked itself, or plain with dimensions that need no reorder.
// kChannel: plain memory whose spatial extents are 1, which is blocked memory as it stands where channels fill whole
// blocks.
enum class Role { kNone, kBlocked, kPlain, kChannel };

Role role_of(const Value* v, const Shape& out) {
  const Shape& s = v->shape();
  if (!s.is_ranked()) return Role::kNone;
  const Dim count = s.elements();
  if (count.is_known() && count.value() == 1) return Role::kPlain;
  if ((s.rank() == out.rank() || s.rank() + 1 == out.rank()) && out[1].is_known() && out[1].value() % 16 == 0) {
    const std::size_t channel = s.rank() == out.rank() ? 1 : 0;
    bool points = s[channel].same(out[1]);
    for (std::size_t i = channel + 1; i < s.rank(); ++i) points = points && s[i].is_known() && s[i].value() == 1;
    if (points) return Role::kChannel;
  }
  if (s.rank() == out.rank()) {
    if (s[1].is_known() && s[1].value() == 1) return Role::kPlain;
    return s[1].same(out[1]) ? Role::kBlocked : Role::kNone;
  }
  return Role::kNone;
}

bool binary_reads_blocked(const Node& node, std::size_t) {
  if (!decline_binary(node, {}).empty() || node.output()->element() != ElementType::kF32) return false;
  const Shape& out = node.output()->shape();
  if (!out.is_ranked() || out.rank() < 3 || !out[1].is_known()) return false;
  if (node.op().name != "Add" && node.op().name != "Sub" && node.op().name != "Mul" && node.op().name != "PRelu" &&
      !whole_blocks(out))
    return false;
  if (!whole_blocks(out) && node.op().name != "Mul") {
    // Zeros behind the last channel stay zero only where both operands have them.
    for (std::size_t i = 0; i < 2; ++i) {
      if (role_of(node.input(i), out) != Role::kBlocked) return false;
    }
  }
  return role_of(node.input(0), out) != Role::kNone && role_of(node.input(1), out) != Role::kNone;
}

void lower_binary(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const BinaryOp op = *binary_of(node);
  const Shape& out_shape = node.output()->shape();
  bool blocked =
      (lowering.is_blocked(node.input(0)) || lowering.is_blocked(node.input(1))) && binary_reads_blocked(node, 0);
  Role roles[2] = {Role::kPlain, Role::kPlain};
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < 2; ++i) {
    if (blocked) roles[i] = role_of(node.input(i), out_shape);
    if (roles[i] == Role::kChannel && lowering.is_blocked(node.input(i))) roles[i] = Role::kBlocked;
    spec.inputs.push_back(roles[i] == Role::kBlocked ? lowering.blocked(node.input(i)) : lowering.plain(node.input(i)));
  }
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.in_place = {0};
  if (node.input(1)->element() == node.input(0)->element()) spec.in_place.push_back(1);
  spec.kernel = "binary_" + std::string(element_name(node.output()->element()));
  spec.algorithm = node.op().name;
  spec.run = [op, blocked, first = roles[0], second = roles[1]](const Inputs& inputs, OutputSink& outputs,
                                                                RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& y = inputs[1];
    if (op == BinaryOp::kPrelu) ops::require_broadcasts_to(y.dims(), x.dims(), "a slope");
    const Dims dims = broadcast(x.dims(), y.dims());
    // The operands as they lie, before the output may take over the memory of one.
    const void* px = x.raw();
    const void* py = y.raw();
    if (y.type() != x.type()) {
      void* exponents = context.scratch(element_bytes(x.type(), y.size()) + 1);
      cast(y.type(), x.type(), py, exponents, y.size());
      py = exponents;
    }
    Dims shapes[3] = {x.dims(), y.dims(), dims};
    if (blocked) {
      const Role of[3] = {first, second, Role::kBlocked};
      for (int i = 0; i < 3; ++i) {
        if (of[i] == Role::kPlain) {
          shapes[i].push_back(1);
        } else if (of[i] == Role::kBlocked) {
          shapes[i] = blocked_storage(shapes[i]);
        } else {
          const std::size_t channel = shapes[i].size() == dims.size() ? 1 : 0;
          shapes[i][channel] /= 16;
          shapes[i].push_back(16);
        }
      }
    }
    const auto rank = shapes[2].size();
    ORIEL_REQUIRE(rank <= kMaxBroadcastRank, "rank {} above {}", rank, kMaxBroadcastRank);
    const auto padded = [&](const Dims& d) {
      Dims full(rank, 1);
      std::copy(d.begin(), d.end(), full.end() - static_cast<std::ptrdiff_t>(d.size()));
      return full;
    };
    const Dims a = padded(shapes[0]);
    const Dims b = padded(shapes[1]);
    const std::int64_t* operands[2] = {a.data(), b.data()};
    const Broadcast plan = plan_broadcast(2, static_cast<int>(rank), shapes[2].data(), operands);
    const ElementType type = x.type();
    Tensor& out = outputs.allocate(0, type, dims);
    void* pz = out.raw();
    parallel(context, plan.elements, kGrain,
             [&](std::int64_t begin, std::int64_t end, int) { binary(op, type, plan, px, py, pz, begin, end); });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_variadic(const Node& node, const CompileOptions& options) {
  if (node.num_inputs() == 2 && binary_of(node)) return decline_binary(node, options);
  if (node.output()->element() != ElementType::kF32)
    return formatted("no kernel for {}", element_name(node.output()->element()));
  for (const Value* v : node.inputs()) {
    if (v == nullptr || !v->shape().is_ranked()) return "an operand of unknown rank";
    if (v->element() != ElementType::kF32) return "operands of different types";
  }
  if (node.output()->shape().rank() > kMaxBroadcastRank) return "a rank above 16";
  return {};
}

bool variadic_reads_blocked(const Node& node, std::size_t input) {
  return node.num_inputs() == 2 && binary_of(node) && binary_reads_blocked(node, input);
}

// out = x0 op x1 op x2 ..., pass by pass; a mean is scaled at the end.
void lower_variadic(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  if (node.num_inputs() == 2 && binary_of(node)) return lower_binary(lowering, unit);
  const std::optional<BinaryOp> named = binary_of(node);
  const BinaryOp op = named ? *named : BinaryOp::kAdd;
  const bool mean = node.op().name == "Mean";
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "variadic_f32";
  spec.algorithm = node.op().name;
  spec.run = [op, mean](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    Dims dims = inputs[0].dims();
    for (std::size_t i = 1; i < inputs.size(); ++i) dims = broadcast(dims, inputs[i].dims());
    Tensor& out = outputs.allocate(0, ElementType::kF32, dims);
    auto* to = static_cast<float*>(out.raw());
    const std::size_t rank = dims.size();
    const auto padded = [rank](const Dims& d) {
      Dims full(rank, 1);
      std::copy(d.begin(), d.end(), full.end() - static_cast<std::ptrdiff_t>(d.size()));
      return full;
    };
    if (inputs.size() == 1) {
      const float* from = inputs[0].data<float>();
      parallel(context, out.size(), kGrain,
               [&](std::int64_t first, std::int64_t last, int) { std::copy(from + first, from + last, to + first); });
      return;
    }
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      const Dims a = i == 1 ? padded(inputs[0].dims()) : dims;
      const Dims b = padded(inputs[i].dims());
      const std::int64_t* operands[2] = {a.data(), b.data()};
      const Broadcast plan = plan_broadcast(2, static_cast<int>(rank), dims.data(), operands);
      const void* x = i == 1 ? inputs[0].raw() : to;
      const void* y = inputs[i].raw();
      parallel(context, plan.elements, kGrain, [&](std::int64_t first, std::int64_t last, int) {
        binary(op, ElementType::kF32, plan, x, y, to, first, last);
      });
    }
    if (!mean) return;
    const float factor = 1.0F / static_cast<float>(inputs.size());
    parallel(context, out.size(), kGrain, [&](std::int64_t first, std::int64_t last, int) {
      unary_f32(UnaryOp::kAffine, factor, 0.0F, to + first, to + first, last - first);
    });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> elementwise_rules() {
  std::vector<Rule> rules;
  for (const char* op : {"Relu",       "LeakyRelu",
                         "Elu",        "Sigmoid",
                         "Tanh",       "HardSigmoid",
                         "HardSwish",  "Softplus",
                         "Mish",       "Swish",
                         "Abs",        "Gelu",
                         "Clip",       "Neg",
                         "Sign",       "Floor",
                         "Ceil",       "Round",
                         "Sqrt",       "Exp",
                         "Log",        "Sin",
                         "Cos",        "Tan",
                         "Asin",       "Acos",
                         "Atan",       "Sinh",
                         "Cosh",       "Asinh",
                         "Acosh",      "Atanh",
                         "Erf",        "Softsign",
                         "Reciprocal", "Selu",
                         "Celu",       "ThresholdedRelu",
                         "Shrink"}) {
    rules.push_back({op, decline_unary, lower_unary, unary_reads_blocked});
  }
  for (const char* op : {"Add", "Sub", "Mul", "Div", "PRelu", "Pow", "Mod", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
                         "And", "Or", "Xor", "BitShift"})
    rules.push_back({op, decline_binary, lower_binary, binary_reads_blocked});
  for (const char* op : {"Max", "Min", "Sum", "Mean"})
    rules.push_back({op, decline_variadic, lower_variadic, variadic_reads_blocked});
  return rules;
}

}  // namespace oriel::cpu
