// Reverse accumulation: one rule an operator says what its operands get of its outputs' derivatives.
#include "frontends/onnx/gradient.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace oriel::onnx {
namespace {

/// The derivatives found so far, and what rules build theirs with.
class Tape {
 public:
  Tape(Graph& graph, const std::string& name, const std::unordered_set<const Value*>& varying)
      : graph_(graph), name_(name), varying_(varying) {}

  Value* call(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return graph_.call(op, std::move(inputs), std::move(attributes), name_);
  }
  std::vector<Value*> call_many(std::string_view op, std::vector<Value*> inputs, std::size_t outputs,
                                Attributes attributes) {
    return graph_.add("", op, std::move(attributes), std::move(inputs), std::vector<std::string>(outputs), name_)
        ->outputs();
  }
  Value* ints(const std::vector<std::int64_t>& values) { return graph_.add_constant(Tensor::of_i64(values)); }
  Value* whole(std::int64_t value) { return graph_.add_constant(Tensor::scalar(value)); }
  /// A scalar of the element type of `like`.
  Value* number(double value, const Value* like) {
    Tensor t = Tensor::allocate(like->element(), {});
    store_element(t, 0, value);
    return graph_.add_constant(std::move(t));
  }
  Value* shape_of(Value* v) { return call("Shape", {v}); }
  Value* add(Value* a, Value* b) { return call("Add", {a, b}); }
  Value* sub(Value* a, Value* b) { return call("Sub", {a, b}); }
  Value* mul(Value* a, Value* b) { return call("Mul", {a, b}); }
  Value* div(Value* a, Value* b) { return call("Div", {a, b}); }
  Value* neg(Value* a) { return call("Neg", {a}); }
  Value* square(Value* a) { return mul(a, a); }
  Value* scaled(Value* a, double factor) { return factor == 1 ? a : mul(a, number(factor, a)); }
  /// 1 - a, 1 + a.
  Value* one_minus(Value* a) { return sub(number(1, a), a); }
  Value* one_plus(Value* a) { return add(number(1, a), a); }
  Value* zero(const Value* like) { return number(0, like); }
  Value* select(Value* condition, Value* a, Value* b) { return call("Where", {condition, a, b}); }
  Value* positive(Value* x) { return call("Greater", {x, zero(x)}); }
  Value* cast(Value* v, ElementType to) { return v->element() == to ? v : call("Cast", {v}, {{"to", to}}); }
  Value* expand_like(Value* v, Value* like) { return call("Expand", {v, shape_of(like)}); }
  Value* reshape_like(Value* v, Value* like) {
    return call("Reshape", {v, shape_of(like)}, {{"allowzero", std::int64_t{1}}});
  }
  Value* zeros_like(Value* like) { return expand_like(zero(like), like); }
  Value* sum(Value* v, std::vector<std::int64_t> axes, bool keep) {
    return call("ReduceSum", {v, ints(std::move(axes))},
                {{"keepdims", std::int64_t{keep ? 1 : 0}}, {"noop_with_empty_axes", std::int64_t{1}}});
  }
  /// The last two axes swapped.
  Value* swapped(Value* v) {
    std::vector<std::int64_t> perm;
    for (std::size_t i = 0; i < rank(v); ++i) perm.push_back(static_cast<std::int64_t>(i));
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return call("Transpose", {v}, {{"perm", perm}});
  }
  static std::size_t rank(const Value* v) {
    if (!v->shape().is_ranked()) fail(ErrorCode::kNotImplemented, "the rank of \"{}\" is unknown", v->name());
    return v->shape().rank();
  }

  /// Whether a derivative by this value is asked for, itself or on the way.
  bool wants(const Value* v) const {
    return v != nullptr && varying_.count(v) != 0 && v->type().is_tensor() && is_float(v->element());
  }
  /// The derivative by a value, null where nothing has arrived.
  Value* of(const Value* v) const {
    const auto it = found_.find(v);
    return it == found_.end() ? nullptr : it->second;
  }
  /// Adds a contribution in the shape of `v`, if it is wanted.
  void give(const Value* v, Value* derivative) {
    if (!wants(v)) return;
    Value*& sum = found_[v];
    sum = sum == nullptr ? derivative : add(sum, derivative);
  }
  /// Adds a contribution in a shape that `v` was broadcast to, if it is wanted: summed over the axes along which it was
  /// repeated.
  void give_broadcast(Value* v, Value* derivative);

 private:
  Graph& graph_;
  const std::string& name_;
  const std::unordered_set<const Value*>& varying_;
  std::unordered_map<const Value*, Value*> found_;
};

void Tape::give_broadcast(Value* v, Value* derivative) {
  if (!wants(v)) return;
  const std::size_t own = rank(v);
  const std::size_t wide = rank(derivative);
  const std::size_t added = wide - own;
  std::vector<std::int64_t> repeated;
  bool certain = true;
  for (std::size_t i = 0; i < wide; ++i) {
    const bool one = i < added || (v->shape()[i - added].is_known() && v->shape()[i - added].value() == 1);
    if (one) {
      repeated.push_back(static_cast<std::int64_t>(i));
    } else if (!v->shape()[i - added].same(derivative->shape()[i])) {
      certain = false;
    }
  }
  if (certain && repeated.empty()) return give(v, derivative);
  if (certain) return give(v, reshape_like(sum(derivative, std::move(repeated), true), v));
  // Extents of 1 are known when the model runs.
  Value* ones = ints(std::vector<std::int64_t>(added, 1));
  Value* extents = call("Concat", {ones, shape_of(v)}, {{"axis", std::int64_t{0}}});
  Value* places = call("NonZero", {call("Equal", {extents, ints({1})})});
  Value* axes = call("Reshape", {places, ints({-1})});
  Value* reduced =
      call("ReduceSum", {derivative, axes}, {{"keepdims", std::int64_t{1}}, {"noop_with_empty_axes", std::int64_t{1}}});
  give(v, reshape_like(reduced, v));
}

using Rule = void (*)(Tape&, const Node&);

// Most operators have one output, here y with the derivative dy, and operands a and b.
struct Operands {
  explicit Operands(Tape& tape, const Node& n) : a(n.input(0)), b(n.input(1)), y(n.output()), dy(tape.of(n.output())) {}
  Value* a;
  Value* b;
  Value* y;
  Value* dy;
};

// Elementwise functions of one operand: dy times `slope(tape, x, y)`.
template <Value* (*slope)(Tape&, Value* x, Value* y)>
void unary(Tape& t, const Node& n) {
  const Operands o(t, n);
  t.give(o.a, t.mul(o.dy, slope(t, o.a, o.y)));
}

void relu(Tape& t, const Node& n) {
  const Operands o(t, n);
  t.give(o.a, t.select(t.positive(o.a), o.dy, t.zero(o.dy)));
}

void leaky_relu(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* below = t.scaled(o.dy, n.attributes().get_float("alpha"));
  t.give(o.a, t.select(t.call("Less", {o.a, t.zero(o.a)}), below, o.dy));
}

// Below zero y = gamma * alpha * (exp(x) - 1), above it gamma * x.
void exponential_below(Tape& t, const Node& n, double alpha, double gamma) {
  const Operands o(t, n);
  Value* below = t.mul(o.dy, t.add(o.y, t.number(alpha * gamma, o.y)));
  t.give(o.a, t.select(t.positive(o.a), t.scaled(o.dy, gamma), below));
}
void elu(Tape& t, const Node& n) { exponential_below(t, n, n.attributes().get_float("alpha"), 1); }
void selu(Tape& t, const Node& n) {
  exponential_below(t, n, n.attributes().get_float("alpha"), n.attributes().get_float("gamma"));
}

void hard_sigmoid(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* inside = t.call("And", {t.positive(o.y), t.call("Less", {o.y, t.number(1, o.y)})});
  t.give(o.a, t.select(inside, t.scaled(o.dy, n.attributes().get_float("alpha")), t.zero(o.dy)));
}

void clip(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* derivative = o.dy;
  for (const std::size_t i : {1, 2}) {
    if (n.input(i) == nullptr) continue;
    Value* outside = t.call(i == 1 ? "Less" : "Greater", {o.a, n.input(i)});
    derivative = t.select(outside, t.zero(o.dy), derivative);
  }
  t.give(o.a, derivative);
}

// y = x Phi(x), or the tanh form of it.
void gelu(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* slope = nullptr;
  if (n.attributes().get_string("approximate") == "tanh") {
    // u = c (x + k x^3), y = x (1 + tanh u) / 2
    const double c = std::sqrt(2 / std::numbers::pi);
    constexpr double kCubic = 0.044715;
    Value* squared = t.square(o.a);
    Value* u = t.scaled(t.mul(o.a, t.one_plus(t.scaled(squared, kCubic))), c);
    Value* tanh = t.call("Tanh", {u});
    Value* inner = t.scaled(t.one_plus(t.scaled(squared, 3 * kCubic)), c);
    slope = t.scaled(t.add(t.one_plus(tanh), t.mul(t.mul(o.a, t.one_minus(t.square(tanh))), inner)), 0.5);
  } else {
    Value* area = t.scaled(t.one_plus(t.call("Erf", {t.scaled(o.a, std::numbers::sqrt2 / 2)})), 0.5);
    Value* density = t.scaled(t.call("Exp", {t.scaled(t.square(o.a), -0.5)}), 1 / std::sqrt(2 * std::numbers::pi));
    slope = t.add(area, t.mul(o.a, density));
  }
  t.give(o.a, t.mul(o.dy, slope));
}

// y = x * sigmoid(alpha * x)
void swish(Tape& t, const Node& n) {
  const Operands o(t, n);
  const double alpha = n.attributes().get_float("alpha");
  Value* s = t.call("Sigmoid", {t.scaled(o.a, alpha)});
  t.give(o.a, t.mul(o.dy, t.add(s, t.scaled(t.mul(o.y, t.one_minus(s)), alpha))));
}

void pass_on(Tape& t, const Node& n) { t.give(n.input(0), t.of(n.output())); }
void nothing(Tape&, const Node&) {}
void negate(Tape& t, const Node& n) { t.give(n.input(0), t.neg(t.of(n.output()))); }
void cast(Tape& t, const Node& n) {
  if (t.wants(n.input(0))) t.give(n.input(0), t.cast(t.of(n.output()), n.input(0)->element()));
}

void add(Tape& t, const Node& n) {
  for (Value* v : n.inputs()) t.give_broadcast(v, t.of(n.output()));
}

void mean(Tape& t, const Node& n) {
  Value* share = t.scaled(t.of(n.output()), 1.0 / static_cast<double>(n.num_inputs()));
  for (Value* v : n.inputs()) t.give_broadcast(v, share);
}

void subtract(Tape& t, const Node& n) {
  const Operands o(t, n);
  if (t.wants(o.a)) t.give_broadcast(o.a, o.dy);
  if (t.wants(o.b)) t.give_broadcast(o.b, t.neg(o.dy));
}

void multiply(Tape& t, const Node& n) {
  const Operands o(t, n);
  if (t.wants(o.a)) t.give_broadcast(o.a, t.mul(o.dy, o.b));
  if (t.wants(o.b)) t.give_broadcast(o.b, t.mul(o.dy, o.a));
}

void divide(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* quotient = t.div(o.dy, o.b);
  if (t.wants(o.a)) t.give_broadcast(o.a, quotient);
  if (t.wants(o.b)) t.give_broadcast(o.b, t.neg(t.mul(quotient, o.y)));
}

// b a^(b-1) by the base, y log(a) by the exponent; 0 where a factor of 0 meets an infinite one.
void power(Tape& t, const Node& n) {
  const Operands o(t, n);
  if (t.wants(o.a)) {
    Value* exponent = t.cast(o.b, o.a->element());
    Value* slope = t.mul(exponent, t.call("Pow", {o.a, t.sub(exponent, t.number(1, exponent))}));
    slope = t.select(t.call("Equal", {exponent, t.zero(exponent)}), t.zero(slope), slope);
    t.give_broadcast(o.a, t.mul(o.dy, slope));
  }
  if (t.wants(o.b)) {
    Value* slope = t.mul(o.y, t.call("Log", {o.a}));
    slope = t.select(t.call("Equal", {o.a, t.zero(o.a)}), t.zero(slope), slope);
    t.give_broadcast(o.b, t.cast(t.mul(o.dy, slope), o.b->element()));
  }
}

// The operands that are the extreme share its derivative.
void extreme(Tape& t, const Node& n) {
  const Operands o(t, n);
  std::vector<Value*> hits;
  Value* count = nullptr;
  for (Value* v : n.inputs()) {
    hits.push_back(t.cast(t.call("Equal", {v, o.y}), o.dy->element()));
    count = count == nullptr ? hits.back() : t.add(count, hits.back());
  }
  Value* share = t.div(o.dy, count);
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (t.wants(n.input(i))) t.give_broadcast(n.input(i), t.mul(hits[i], share));
  }
}

void where(Tape& t, const Node& n) {
  Value* dy = t.of(n.output());
  if (t.wants(n.input(1))) t.give_broadcast(n.input(1), t.select(n.input(0), dy, t.zero(dy)));
  if (t.wants(n.input(2))) t.give_broadcast(n.input(2), t.select(n.input(0), t.zero(dy), dy));
}

void prelu(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* below = t.call("Less", {o.a, t.zero(o.a)});
  if (t.wants(o.a)) t.give(o.a, t.select(below, t.mul(o.dy, o.b), o.dy));
  if (t.wants(o.b)) t.give_broadcast(o.b, t.select(below, t.mul(o.dy, o.a), t.zero(o.dy)));
}

// dA = dY B^T, dB = A^T dY; vectors are matrices of one row or column.
void matmul(Tape& t, const Node& n) {
  const Operands o(t, n);
  const bool row = Tape::rank(o.a) == 1;
  const bool column = Tape::rank(o.b) == 1;
  Value* a = row ? t.call("Unsqueeze", {o.a, t.ints({0})}) : o.a;
  Value* b = column ? t.call("Unsqueeze", {o.b, t.ints({1})}) : o.b;
  Value* dy = column ? t.call("Unsqueeze", {o.dy, t.ints({-1})}) : o.dy;
  if (row) dy = t.call("Unsqueeze", {dy, t.ints({-2})});
  const auto give = [&](Value* operand, bool vector, std::int64_t unit, Value* derivative) {
    if (vector) derivative = t.call("Squeeze", {derivative, t.ints({unit})});
    t.give_broadcast(operand, derivative);
  };
  if (t.wants(o.a)) give(o.a, row, -2, t.call("MatMul", {dy, t.swapped(b)}));
  if (t.wants(o.b)) give(o.b, column, -1, t.call("MatMul", {t.swapped(a), dy}));
}

// Y = alpha A' B' + beta C
void gemm(Tape& t, const Node& n) {
  const Operands o(t, n);
  const bool swap_a = n.attributes().get_bool("transA");
  const bool swap_b = n.attributes().get_bool("transB");
  Value* dy = t.scaled(o.dy, n.attributes().get_float("alpha"));
  if (t.wants(o.a)) {
    Value* b = swap_b ? o.b : t.swapped(o.b);
    Value* derivative = t.call("MatMul", {dy, b});
    t.give(o.a, swap_a ? t.swapped(derivative) : derivative);
  }
  if (t.wants(o.b)) {
    Value* a = swap_a ? o.a : t.swapped(o.a);
    Value* derivative = t.call("MatMul", {a, dy});
    t.give(o.b, swap_b ? t.swapped(derivative) : derivative);
  }
  if (t.wants(n.input(2))) t.give_broadcast(n.input(2), t.scaled(o.dy, n.attributes().get_float("beta")));
}

void reshape(Tape& t, const Node& n) { t.give(n.input(0), t.reshape_like(t.of(n.output()), n.input(0))); }
void expand(Tape& t, const Node& n) { t.give_broadcast(n.input(0), t.of(n.output())); }

void transpose(Tape& t, const Node& n) {
  const std::size_t rank = Tape::rank(n.input(0));
  std::vector<std::int64_t> reversed;
  for (std::size_t i = rank; i-- > 0;) reversed.push_back(static_cast<std::int64_t>(i));
  const std::vector<std::int64_t> perm = n.attributes().get_ints("perm", reversed);
  std::vector<std::int64_t> back(rank);
  for (std::size_t i = 0; i < rank; ++i) back[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  t.give(n.input(0), t.call("Transpose", {t.of(n.output())}, {{"perm", back}}));
}

void concat(Tape& t, const Node& n) {
  const std::int64_t axis = normalize_axis(n.attributes().get_int("axis"), Tape::rank(n.output()));
  std::vector<Value*> extents;
  for (Value* v : n.inputs()) extents.push_back(t.call("Shape", {v}, {{"start", axis}, {"end", axis + 1}}));
  Value* lengths = t.call("Concat", extents, {{"axis", std::int64_t{0}}});
  const std::vector<Value*> parts = t.call_many("Split", {t.of(n.output()), lengths}, n.num_inputs(), {{"axis", axis}});
  for (std::size_t i = 0; i < parts.size(); ++i) t.give(n.input(i), parts[i]);
}

void split(Tape& t, const Node& n) {
  std::vector<Value*> parts;
  for (Value* v : n.outputs()) parts.push_back(t.of(v) == nullptr ? t.zeros_like(v) : t.of(v));
  t.give(n.input(0), t.call("Concat", parts, {{"axis", n.attributes().get_int("axis")}}));
}

// Operators that move or repeat elements of operand 0: what they make of its elements' numbers says where each part of
// the derivative belongs.
void move(Tape& t, const Node& n) {
  Value* x = n.input(0);
  Value* numbers = t.reshape_like(t.call("Range", {t.whole(0), t.call("Size", {x}), t.whole(1)}), x);
  std::vector<Value*> operands = n.inputs();
  operands[0] = numbers;
  Value* places = t.call("Reshape", {t.call(n.op().name, operands, n.attributes()), t.ints({-1})});
  Value* dy = t.of(n.output());
  Value* flat = t.call("Reshape", {t.zeros_like(x), t.ints({-1})});
  Value* sums = t.call("ScatterElements", {flat, places, t.call("Reshape", {dy, t.ints({-1})})},
                       {{"axis", std::int64_t{0}}, {"reduction", std::string("add")}});
  t.give(x, t.reshape_like(sums, x));
}

// A reduction's result, or its derivative, with the reduced axes as axes of extent 1.
Value* kept(Tape& t, const Node& n, Value* reduced) {
  if (n.attributes().get_bool("keepdims")) return reduced;
  Value* x = n.input(0);
  const std::size_t rank = Tape::rank(x);
  if (n.input(1) == nullptr || (n.input(1)->constant() != nullptr && n.input(1)->constant()->size() == 0)) {
    if (n.attributes().get_bool("noop_with_empty_axes")) return reduced;
    return t.call("Reshape", {reduced, t.ints(std::vector<std::int64_t>(rank, 1))});
  }
  if (n.input(1)->constant() != nullptr) return t.call("Unsqueeze", {reduced, n.input(1)});
  // Which axes they are is known when the model runs: the shape of the same reduction that keeps them.
  Attributes attributes = n.attributes();
  attributes.set("keepdims", std::int64_t{1});
  return t.reshape_like(reduced, t.call("ReduceMax", {x, n.input(1)}, attributes));
}

void reduce_sum(Tape& t, const Node& n) { t.give(n.input(0), t.expand_like(kept(t, n, t.of(n.output())), n.input(0))); }

void reduce_mean(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* count = t.call("Div", {t.call("Size", {o.a}), t.call("Size", {o.y})});
  Value* share = t.div(o.dy, t.cast(count, o.dy->element()));
  t.give(o.a, t.expand_like(kept(t, n, share), o.a));
}

// dy at the reduced elements' places times `slope(tape, x, y)`.
template <Value* (*slope)(Tape&, Value* x, Value* y)>
void reduction(Tape& t, const Node& n) {
  const Operands o(t, n);
  t.give(o.a, t.mul(kept(t, n, o.dy), slope(t, o.a, kept(t, n, o.y))));
}

void reduce_extreme(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* hits = t.cast(t.call("Equal", {o.a, kept(t, n, o.y)}), o.dy->element());
  Attributes attributes = n.attributes();
  attributes.set("keepdims", std::int64_t{1});
  Value* count = t.call("ReduceSum", {hits, n.input(1)}, attributes);
  t.give(o.a, t.mul(hits, t.div(kept(t, n, o.dy), count)));
}

// y = exp(x) / sum: dx = y (dy - sum(dy y)); of its logarithm dx = dy - exp(y) sum(dy).
void softmax(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* product = t.mul(o.dy, o.y);
  t.give(o.a, t.mul(o.y, t.sub(o.dy, t.sum(product, {n.attributes().get_int("axis")}, true))));
}
void log_softmax(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* sum = t.sum(o.dy, {n.attributes().get_int("axis")}, true);
  t.give(o.a, t.sub(o.dy, t.mul(t.call("Exp", {o.y}), sum)));
}

void global_average_pool(Tape& t, const Node& n) {
  const Operands o(t, n);
  Value* count = t.call("Div", {t.call("Size", {o.a}), t.call("Size", {o.y})});
  t.give(o.a, t.expand_like(t.div(o.dy, t.cast(count, o.dy->element())), o.a));
}

void trilu(Tape& t, const Node& n) {
  t.give(n.input(0), t.call("Trilu", {t.of(n.output()), n.input(1)}, n.attributes()));
}

// Slopes.
Value* of_abs(Tape& t, Value* x, Value*) { return t.call("Sign", {x}); }
Value* of_exp(Tape&, Value*, Value* y) { return y; }
Value* of_log(Tape& t, Value* x, Value*) { return t.call("Reciprocal", {x}); }
Value* of_sqrt(Tape& t, Value*, Value* y) { return t.div(t.number(0.5, y), y); }
Value* of_reciprocal(Tape& t, Value*, Value* y) { return t.neg(t.square(y)); }
Value* of_sin(Tape& t, Value* x, Value*) { return t.call("Cos", {x}); }
Value* of_cos(Tape& t, Value* x, Value*) { return t.neg(t.call("Sin", {x})); }
Value* of_tan(Tape& t, Value*, Value* y) { return t.one_plus(t.square(y)); }
Value* of_asin(Tape& t, Value* x, Value*) { return t.call("Reciprocal", {t.call("Sqrt", {t.one_minus(t.square(x))})}); }
Value* of_acos(Tape& t, Value* x, Value* y) { return t.neg(of_asin(t, x, y)); }
Value* of_atan(Tape& t, Value* x, Value*) { return t.call("Reciprocal", {t.one_plus(t.square(x))}); }
Value* of_sinh(Tape& t, Value* x, Value*) { return t.call("Cosh", {x}); }
Value* of_cosh(Tape& t, Value* x, Value*) { return t.call("Sinh", {x}); }
Value* of_tanh(Tape& t, Value*, Value* y) { return t.one_minus(t.square(y)); }
Value* of_asinh(Tape& t, Value* x, Value*) { return t.call("Reciprocal", {t.call("Sqrt", {t.one_plus(t.square(x))})}); }
Value* of_acosh(Tape& t, Value* x, Value*) {
  return t.call("Reciprocal", {t.call("Sqrt", {t.sub(t.square(x), t.number(1, x))})});
}
Value* of_atanh(Tape& t, Value* x, Value*) { return t.call("Reciprocal", {t.one_minus(t.square(x))}); }
Value* of_sigmoid(Tape& t, Value*, Value* y) { return t.mul(y, t.one_minus(y)); }
Value* of_softplus(Tape& t, Value* x, Value*) { return t.call("Sigmoid", {x}); }
Value* of_softsign(Tape& t, Value* x, Value*) {
  return t.call("Reciprocal", {t.square(t.one_plus(t.call("Abs", {x})))});
}
Value* of_erf(Tape& t, Value* x, Value*) {
  return t.scaled(t.call("Exp", {t.neg(t.square(x))}), 2 / std::sqrt(std::numbers::pi));
}
Value* of_sum_square(Tape& t, Value* x, Value*) { return t.scaled(x, 2); }
// The norm has no derivative at 0; 0 lies between those around it.
Value* of_l2(Tape& t, Value* x, Value* y) {
  Value* none = t.call("Equal", {y, t.zero(y)});
  return t.select(none, t.zero(x), t.div(x, y));
}
Value* of_log_sum_exp(Tape& t, Value* x, Value* y) { return t.call("Exp", {t.sub(x, y)}); }
Value* of_log_sum(Tape& t, Value* x, Value* y) { return t.expand_like(t.call("Exp", {t.neg(y)}), x); }

const std::unordered_map<std::string_view, Rule>& rules() {
  static const std::unordered_map<std::string_view, Rule> table = {
      {"Abs", unary<of_abs>},
      {"Acos", unary<of_acos>},
      {"Acosh", unary<of_acosh>},
      {"Add", add},
      {"Asin", unary<of_asin>},
      {"Asinh", unary<of_asinh>},
      {"Atan", unary<of_atan>},
      {"Atanh", unary<of_atanh>},
      {"Cast", cast},
      {"Ceil", nothing},
      {"Clip", clip},
      {"Concat", concat},
      {"Cos", unary<of_cos>},
      {"Cosh", unary<of_cosh>},
      {"DepthToSpace", move},
      {"Div", divide},
      {"Elu", elu},
      {"Erf", unary<of_erf>},
      {"Exp", unary<of_exp>},
      {"Expand", expand},
      {"Flatten", reshape},
      {"Floor", nothing},
      {"Gather", move},
      {"GatherElements", move},
      {"GatherND", move},
      {"Gelu", gelu},
      {"Gemm", gemm},
      {"GlobalAveragePool", global_average_pool},
      {"HardSigmoid", hard_sigmoid},
      {"Identity", pass_on},
      {"LeakyRelu", leaky_relu},
      {"Log", unary<of_log>},
      {"LogSoftmax", log_softmax},
      {"MatMul", matmul},
      {"Max", extreme},
      {"Mean", mean},
      {"Min", extreme},
      {"Mul", multiply},
      {"Neg", negate},
      {"PRelu", prelu},
      {"Pow", power},
      {"Reciprocal", unary<of_reciprocal>},
      {"ReduceL1", reduction<of_abs>},
      {"ReduceL2", reduction<of_l2>},
      {"ReduceLogSum", reduction<of_log_sum>},
      {"ReduceLogSumExp", reduction<of_log_sum_exp>},
      {"ReduceMax", reduce_extreme},
      {"ReduceMean", reduce_mean},
      {"ReduceMin", reduce_extreme},
      {"ReduceSum", reduce_sum},
      {"ReduceSumSquare", reduction<of_sum_square>},
      {"Relu", relu},
      {"Reshape", reshape},
      {"Round", nothing},
      {"Selu", selu},
      {"Sigmoid", unary<of_sigmoid>},
      {"Sign", nothing},
      {"Sin", unary<of_sin>},
      {"Sinh", unary<of_sinh>},
      {"Slice", move},
      {"Softmax", softmax},
      {"Softplus", unary<of_softplus>},
      {"Softsign", unary<of_softsign>},
      {"SpaceToDepth", move},
      {"Split", split},
      {"Sqrt", unary<of_sqrt>},
      {"Squeeze", reshape},
      {"Sub", subtract},
      {"Sum", add},
      {"Swish", swish},
      {"Tan", unary<of_tan>},
      {"Tanh", unary<of_tanh>},
      {"Tile", move},
      {"Transpose", transpose},
      {"Trilu", trilu},
      {"Unsqueeze", reshape},
      {"Where", where},
  };
  return table;
}

/// The nodes whose outputs depend on `from`, in order, without going through values of `stop`; `varying` gets `from`
/// and those outputs.
std::vector<const Node*> dependents(const Graph& graph, const std::vector<Value*>& from,
                                    const std::unordered_set<const Value*>& stop,
                                    std::unordered_set<const Value*>& varying) {
  varying.insert(from.begin(), from.end());
  std::vector<const Node*> nodes;
  for (const Node* n : graph.nodes()) {
    if (std::none_of(n->inputs().begin(), n->inputs().end(), [&](const Value* v) { return varying.count(v) != 0; })) {
      continue;
    }
    nodes.push_back(n);
    for (const Value* v : n->outputs()) {
      if (stop.count(v) == 0) varying.insert(v);
    }
  }
  return nodes;
}

/// Those of `nodes` that `y` needs, in order.
std::vector<const Node*> needed_by(const Value* y, const std::vector<const Node*>& nodes,
                                   const std::unordered_set<const Value*>& stop) {
  std::unordered_set<const Value*> needed;
  if (stop.count(y) == 0) needed.insert(y);
  std::vector<const Node*> kept;
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    const Node& n = **it;
    if (std::none_of(n.outputs().begin(), n.outputs().end(), [&](const Value* v) { return needed.count(v) != 0; })) {
      continue;
    }
    kept.push_back(&n);
    for (const Value* v : n.inputs()) {
      if (v != nullptr && stop.count(v) == 0) needed.insert(v);
    }
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

}  // namespace

std::vector<Value*> add_gradient(Graph& graph, const std::string& name, Value* y, const std::vector<Value*>& xs,
                                 const std::vector<Value*>& zs, const std::vector<Value*>& operands) {
  std::vector<Value*> named = xs;
  named.insert(named.end(), zs.begin(), zs.end());
  for (const Value* v : xs) {
    if (v->type().is_tensor() && is_float(v->element())) continue;
    fail(ErrorCode::kInvalidGraph, "\"{}\" in xs is {}, expected a tensor of floats", v->name(), v->type().to_string());
  }
  if (!y->type().is_tensor() || !is_float(y->element()))
    fail(ErrorCode::kInvalidGraph, "y is {}, expected a tensor of floats", y->type().to_string());

  if (y->producer() == nullptr && std::find(named.begin(), named.end(), y) == named.end())
    fail(ErrorCode::kInvalidGraph, "y is \"{}\", which no node of this graph makes", y->name());

  std::vector<Value*> variables = xs;
  std::unordered_set<const Value*> stop(named.begin(), named.end());
  if (operands != named) {
    // The same function of other values.
    std::unordered_set<const Value*> varying;
    std::unordered_map<const Value*, Value*> stand_in;
    for (std::size_t i = 0; i < named.size(); ++i) {
      if (operands[i] == nullptr) fail(ErrorCode::kInvalidGraph, "input {} is missing", i);
      stand_in.emplace(named[i], operands[i]);
    }
    const auto replaced = [&](Value* v) {
      const auto it = stand_in.find(v);
      return it == stand_in.end() ? v : it->second;
    };
    for (const Node* n : needed_by(y, dependents(graph, named, stop, varying), stop)) {
      std::vector<Value*> inputs;
      for (Value* v : n->inputs()) inputs.push_back(replaced(v));
      const Node* copy = graph.add(n->op().domain, n->op().name, n->attributes(), inputs,
                                   std::vector<std::string>(n->num_outputs()), name, n->origins());
      for (std::size_t i = 0; i < n->num_outputs(); ++i) stand_in.emplace(n->output(i), copy->output(i));
    }
    y = replaced(y);
    std::copy_n(operands.begin(), variables.size(), variables.begin());
    stop = {operands.begin(), operands.end()};
  }

  std::unordered_set<const Value*> varying;
  const std::vector<const Node*> nodes = needed_by(y, dependents(graph, variables, stop, varying), stop);
  Tape tape(graph, name, varying);
  if (varying.count(y) != 0) tape.give(y, tape.expand_like(tape.number(1, y), y));
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    const Node& n = **it;
    if (std::none_of(n.outputs().begin(), n.outputs().end(), [&](const Value* v) { return tape.of(v) != nullptr; })) {
      continue;
    }
    const auto rule = n.op().domain.empty() ? rules().find(n.op().name) : rules().end();
    if (rule == rules().end()) {
      fail(ErrorCode::kNotImplemented, "ai.onnx.preview.training.Gradient: no derivative of {} (node \"{}\")",
           n.op().full_name(), n.name());
    }
    rule->second(tape, n);
  }
  std::vector<Value*> results;
  for (Value* v : variables) results.push_back(tape.of(v) == nullptr ? tape.zeros_like(v) : tape.of(v));
  return results;
}

}  // namespace oriel::onnx
