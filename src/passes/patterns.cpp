// Matching by shape of the expression: operands of commutative operators in either order, constants by value.
#include "passes/patterns.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

namespace oriel {
namespace {

bool is_op(const Node* node, std::string_view name) {
  return node != nullptr && node->op().domain.empty() && node->op().name == name;
}

bool is_f32(const Value& v) { return v.type().is_tensor() && v.element() == ElementType::kF32; }

bool is_close(double x, double wanted) { return std::fabs(x - wanted) <= 3e-6 * std::fabs(wanted); }

// Whether v is one number, close to `wanted`, that does not raise the rank of x.
bool is_number(const Value* v, double wanted, const Value& x) {
  const std::optional<double> number = constant_f32_number(v);
  if (!number || !is_close(*number, wanted)) return false;
  const std::size_t rank = v->constant()->rank();
  return rank == 0 || (x.shape().is_ranked() && rank <= x.shape().rank());
}

// The one reader of a value that nobody outside can see; else null.
const Node* only_user(const Value* v) { return v->users().size() == 1 && !leaves_graph(*v) ? v->users()[0] : nullptr; }

// The other operand of a node of two operands.
Value* other(const Node& node, const Value* v) { return node.input(0) == v ? node.input(1) : node.input(0); }

// The operand that `node` multiplies by a number or divides by its inverse; null where it does neither.
Value* scaled(const Node* node, double factor) {
  if (is_op(node, "Mul")) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (is_number(node->input(1 - i), factor, *node->input(i))) return node->input(i);
    }
  }
  if (is_op(node, "Div") && is_number(node->input(1), 1.0 / factor, *node->input(0))) return node->input(0);
  return nullptr;
}

// x where `node` is x^2.
Value* squared(const Node* node) {
  if (is_op(node, "Pow") && is_number(node->input(1), 2.0, *node->input(0))) return node->input(0);
  if (is_op(node, "Mul") && node->input(0) == node->input(1)) return node->input(0);
  return nullptr;
}

// The base where `node` is x^3 as a power or as products, adding the nodes that compute it.
Value* cubed(const Node* node, std::vector<const Node*>& nodes) {
  nodes.push_back(node);
  if (is_op(node, "Pow")) return is_number(node->input(1), 3.0, *node->input(0)) ? node->input(0) : nullptr;
  if (!is_op(node, "Mul")) return nullptr;
  for (std::size_t i = 0; i < 2; ++i) {
    Value* x = node->input(i);
    const Node* square = node->input(1 - i)->producer();
    if (square == nullptr || squared(square) != x || only_user(square->output()) != node) continue;
    nodes.push_back(square);
    return x;
  }
  return nullptr;
}

// The x of erf(x / sqrt(2)) or of the tanh form, adding the nodes before the function.
Value* gelu_argument(const Node& node, std::vector<const Node*>& nodes) {
  const Node* scale = node.input(0)->producer();
  if (scale == nullptr || only_user(scale->output()) != &node) return nullptr;
  nodes.push_back(scale);
  if (is_op(&node, "Erf")) return scaled(scale, 1.0 / std::numbers::sqrt2);
  const Value* inner = scaled(scale, std::sqrt(2.0 / std::numbers::pi));
  if (inner == nullptr || !is_op(inner->producer(), "Add") || only_user(inner) != scale) return nullptr;
  const Node* sum = inner->producer();
  nodes.push_back(sum);
  for (std::size_t i = 0; i < 2; ++i) {
    Value* x = sum->input(i);
    const Node* term = sum->input(1 - i)->producer();
    if (term == nullptr || only_user(term->output()) != sum) continue;
    const Value* cube = scaled(term, 0.044715);
    if (cube == nullptr || cube->producer() == nullptr || only_user(cube) != term) continue;
    std::vector<const Node*> more{term};
    if (cubed(cube->producer(), more) != x) continue;
    nodes.insert(nodes.end(), more.begin(), more.end());
    return x;
  }
  return nullptr;
}

// The first of the last axes of x that a mean with keepdims covers; -1 where it covers others.
std::int64_t mean_axis(const Node* mean) {
  if (!is_op(mean, "ReduceMean") || !is_f32(*mean->output()) || mean->attributes().get_int("keepdims", 1) == 0)
    return -1;
  const Shape& shape = mean->input(0)->shape();
  const Value* axes = mean->input(1);
  if (!shape.is_ranked() || axes == nullptr || !axes->is_constant()) return -1;
  std::vector<std::int64_t> list = axes->constant()->to_i64();
  for (std::int64_t& a : list) a = normalize_axis(a, shape.rank());
  std::sort(list.begin(), list.end());
  const auto rank = static_cast<std::int64_t>(shape.rank());
  const auto count = static_cast<std::int64_t>(list.size());
  for (std::int64_t i = 0; i < count; ++i) {
    if (list[static_cast<std::size_t>(i)] != rank - count + i) return -1;
  }
  return count == 0 ? -1 : rank - count;
}

// Whether v covers exactly the axes of x from `axis` on.
bool covers(const Value& v, const Value& x, std::int64_t axis) {
  if (!is_f32(v) || !v.shape().is_ranked() || v.shape().rank() + static_cast<std::size_t>(axis) != x.shape().rank()) {
    return false;
  }
  for (std::size_t i = 0; i < v.shape().rank(); ++i) {
    if (!v.shape()[i].same(x.shape()[static_cast<std::size_t>(axis) + i])) return false;
  }
  return true;
}

// From a variance to sqrt(variance + epsilon), adding the nodes; null where that is not what follows.
const Node* deviation(const Node& variance, LayerNormComposite& found) {
  const Node* sum = only_user(variance.output());
  if (!is_op(sum, "Add")) return nullptr;
  const Value* added = other(*sum, variance.output());
  const std::optional<double> epsilon = constant_f32_number(added);
  if (!epsilon || added->constant()->rank() > variance.output()->shape().rank()) return nullptr;
  const Node* root = only_user(sum->output());
  if (!is_op(root, "Sqrt")) return nullptr;
  found.epsilon = static_cast<float>(*epsilon);
  found.nodes.insert(found.nodes.end(), {&variance, sum, root});
  return root;
}

// Takes in what follows a normalised value: scale, and bias unless it is an RMS norm. False where there is no scale.
bool scale_and_bias(const Node& last, LayerNormComposite& found) {
  const Node* product = only_user(last.output());
  if (!is_op(product, "Mul")) return false;
  found.scale = other(*product, last.output());
  if (!covers(*found.scale, *found.x, found.axis)) return false;
  found.nodes.push_back(product);
  found.output = product->output();
  const Node* sum = found.rms ? nullptr : only_user(found.output);
  if (is_op(sum, "Add") && covers(*other(*sum, found.output), *found.x, found.axis)) {
    found.bias = other(*sum, found.output);
    found.nodes.push_back(sum);
    found.output = sum->output();
  }
  return true;
}

// The number by which `node` multiplies operand `operand` as a whole; none where it does not.
std::optional<double> factor_of(const Node* node, std::size_t& operand) {
  for (operand = 0; operand < 2; ++operand) {
    const bool divides = is_op(node, "Div");
    if (!divides && !is_op(node, "Mul")) return std::nullopt;
    if (divides && operand == 1) return std::nullopt;
    const Value* x = node->input(operand);
    const std::optional<double> number = constant_f32_number(node->input(1 - operand));
    if (!number || !std::isfinite(*number) || (divides && *number == 0.0)) continue;
    if (!x->shape().is_ranked() || node->input(1 - operand)->constant()->rank() > x->shape().rank()) continue;
    return divides ? 1.0 / *number : *number;
  }
  return std::nullopt;
}

// Steps from v to what it is a multiple of, as long as `reader` alone reads each; multiplies `scale`.
Value* unscaled(Value* v, const Node* reader, double& scale, std::vector<const Node*>& nodes) {
  for (;;) {
    const Node* node = v->producer();
    if (node == nullptr || only_user(v) != reader) return v;
    std::size_t operand = 0;
    const std::optional<double> factor = factor_of(node, operand);
    if (!factor) return v;
    scale *= *factor;
    nodes.push_back(node);
    reader = node;
    v = node->input(operand);
  }
}

// Whether m may be added to scores of this shape without enlarging any axis but the last.
bool is_mask(const Value& m, const Shape& scores) {
  if (!m.type().is_tensor() || !m.shape().is_ranked() || m.shape().rank() == 0 || m.shape().rank() > scores.rank())
    return false;
  const std::size_t offset = scores.rank() - m.shape().rank();
  for (std::size_t i = 0; i + 1 < m.shape().rank(); ++i) {
    const Shape row({scores[offset + i]});
    if (!broadcast(row, Shape({m.shape()[i]})).same(row)) return false;
  }
  return true;
}

// Where `maker` is Reshape(Reshape(x, [1, windows, heads, rows, keys]) + constant, shape): x and that constant.
struct WindowMask {
  Value* scores = nullptr;
  Value* mask = nullptr;
};
WindowMask window_mask(const Node* maker, const Shape& shape, std::vector<const Node*>& nodes) {
  const Node* sum = is_op(maker, "Reshape") ? maker->input(0)->producer() : nullptr;
  if (!is_op(sum, "Add") || only_user(sum->output()) != maker || !shape.is_static()) return {};
  for (std::size_t i = 0; i < 2; ++i) {
    Value* mask = sum->input(i);
    const Node* split = sum->input(1 - i)->producer();
    if (!is_op(split, "Reshape") || only_user(split->output()) != sum || !mask->is_constant() || !is_f32(*mask))
      continue;
    Value* x = split->input(0);
    const Shape& wide = split->output()->shape();
    if (!x->shape().same(shape) || !wide.same(sum->output()->shape()) || wide.rank() != 5 || mask->shape().rank() != 5)
      continue;
    if (!wide[0].same(1) || !std::equal(shape.dims().begin(), shape.dims().end(), wide.dims().begin() + 1,
                                        [](const Dim& a, const Dim& b) { return a.same(b); }))
      continue;
    nodes.insert(nodes.end(), {sum, split});
    return {x, mask};
  }
  return {};
}

// Whether v is made of a matrix product by masks and factors, so that it is scores rather than a mask.
bool leads_to_product(const Value* v) {
  for (int depth = 0; depth < 8; ++depth) {
    const Node* node = v->producer();
    if (is_op(node, "MatMul")) return true;
    std::size_t operand = 0;
    if (is_op(node, "Mul") || is_op(node, "Div")) {
      if (!factor_of(node, operand)) return false;
    } else if (is_op(node, "Where")) {
      operand = constant_f32_number(node->input(1)) ? 2 : 1;
    } else if (is_op(node, "Add")) {
      operand = leads_to_product(node->input(0)) ? 0 : 1;
    } else {
      return false;
    }
    v = node->input(operand);
  }
  return false;
}

}  // namespace

bool leaves_graph(const Value& v) {
  const Node* producer = v.producer();
  if (producer == nullptr) return true;
  const std::vector<Value*>& outputs = producer->graph().outputs();
  return std::find(outputs.begin(), outputs.end(), &v) != outputs.end();
}

std::optional<double> constant_f32_number(const Value* v) {
  if (v == nullptr || !v->is_constant() || v->constant()->size() != 1 || !is_f32(*v)) return std::nullopt;
  return v->constant()->data<float>()[0];
}

std::optional<GeluComposite> match_gelu(const Node& node) {
  GeluComposite found;
  found.by_tanh = is_op(&node, "Tanh");
  if ((!found.by_tanh && !is_op(&node, "Erf")) || !is_f32(*node.output())) return std::nullopt;
  found.x = gelu_argument(node, found.nodes);
  if (found.x == nullptr) return std::nullopt;
  found.nodes.push_back(&node);
  const Node* sum = only_user(node.output());
  if (!is_op(sum, "Add") || !is_number(other(*sum, node.output()), 1.0, *found.x)) return std::nullopt;
  found.nodes.push_back(sum);
  const Node* product = only_user(sum->output());
  if (!is_op(product, "Mul")) return std::nullopt;
  Value* factor = other(*product, sum->output());
  if (factor == found.x) {
    const Node* half = only_user(product->output());
    if (half == nullptr || scaled(half, 0.5) != product->output()) return std::nullopt;
    found.nodes.push_back(product);
    product = half;
  } else if (is_number(factor, 0.5, *found.x)) {
    const Node* outer = only_user(product->output());
    if (!is_op(outer, "Mul") || other(*outer, product->output()) != found.x) return std::nullopt;
    found.nodes.push_back(product);
    product = outer;
  } else {
    const Node* half = factor->producer();
    if (half == nullptr || only_user(factor) != product || scaled(half, 0.5) != found.x) return std::nullopt;
    found.nodes.push_back(half);
  }
  found.nodes.push_back(product);
  found.output = product->output();
  return found;
}

std::optional<LayerNormComposite> match_layer_norm(const Node& node) {
  LayerNormComposite found;
  found.axis = mean_axis(&node);
  if (found.axis < 0) return std::nullopt;
  found.x = node.input(0);
  found.nodes.push_back(&node);
  // One difference that both the variance and the quotient read, or one for each.
  const Value* mean = node.output();
  if (leaves_graph(*mean) || mean->users().empty() || mean->users().size() > 2) return std::nullopt;
  const Node* square = nullptr;
  const Node* quotient = nullptr;
  for (const Node* difference : mean->users()) {
    if (!is_op(difference, "Sub") || difference->input(0) != found.x || difference->input(1) != mean)
      return std::nullopt;
    found.nodes.push_back(difference);
    const Value* d = difference->output();
    if (leaves_graph(*d)) return std::nullopt;
    for (const Node* user : d->users()) {
      const bool squares = squared(user) == d;
      const bool divides = is_op(user, "Div") && user->input(0) == d && user->input(1) != d;
      const Node*& place = divides ? quotient : square;
      if ((!squares && !divides) || (place != nullptr && place != user)) return std::nullopt;
      place = user;
    }
  }
  if (square == nullptr || quotient == nullptr || leaves_graph(*square->output())) return std::nullopt;
  found.nodes.push_back(square);
  const Node* variance = square->output()->users().size() == 1 ? square->output()->users()[0] : nullptr;
  if (mean_axis(variance) != found.axis || variance->input(0) != square->output()) return std::nullopt;
  const Node* root = deviation(*variance, found);
  if (root == nullptr || only_user(root->output()) != quotient || quotient->input(1) != root->output())
    return std::nullopt;
  found.nodes.push_back(quotient);
  if (!scale_and_bias(*quotient, found)) return std::nullopt;
  return found;
}

std::optional<LayerNormComposite> match_rms_norm(const Node& node) {
  LayerNormComposite found;
  found.rms = true;
  found.axis = mean_axis(&node);
  const Node* square = found.axis < 0 ? nullptr : node.input(0)->producer();
  if (square == nullptr || only_user(square->output()) != &node) return std::nullopt;
  found.x = squared(square);
  if (found.x == nullptr) return std::nullopt;
  found.nodes.push_back(square);
  const Node* root = deviation(node, found);
  const Node* last = root == nullptr ? nullptr : only_user(root->output());
  if (is_op(last, "Reciprocal") ||
      (is_op(last, "Div") && last->input(1) == root->output() && is_number(last->input(0), 1.0, *root->output()))) {
    const Value* inverse = last->output();
    found.nodes.push_back(last);
    last = only_user(inverse);
    if (!is_op(last, "Mul") || other(*last, inverse) != found.x) return std::nullopt;
  } else if (!is_op(last, "Div") || last->input(0) != found.x || last->input(1) != root->output()) {
    return std::nullopt;
  }
  found.nodes.push_back(last);
  if (!scale_and_bias(*last, found)) return std::nullopt;
  return found;
}

std::optional<Composite> match_swish(const Node& node) {
  if (!is_op(&node, "Sigmoid") || !is_f32(*node.output())) return std::nullopt;
  const Node* product = only_user(node.output());
  if (!is_op(product, "Mul") || other(*product, node.output()) != node.input(0)) return std::nullopt;
  return Composite{node.input(0), product->output(), {&node, product}};
}

std::optional<AttentionComposite> match_attention(const Node& node) {
  AttentionComposite found;
  if (!is_op(&node, "Softmax") || !is_f32(*node.output())) return std::nullopt;
  const Shape& shape = node.output()->shape();
  if (!shape.is_ranked() || shape.rank() != 4 || normalize_axis(node.attributes().get_int("axis", -1), 4) != 3)
    return std::nullopt;
  const Node* mix = only_user(node.output());
  if (!is_op(mix, "MatMul") || mix->input(0) != node.output() || mix->input(1) == node.output()) return std::nullopt;
  found.value = mix->input(1);
  found.output = mix->output();
  // From the softmax back to the product of queries and keys: masks first, then factors.
  double scale = 1.0;
  Value* scores = node.input(0);
  if (!scores->shape().same(shape)) return std::nullopt;
  const Node* reader = &node;
  const Node* product = nullptr;
  while (product == nullptr) {
    const Node* maker = scores->producer();
    if (maker == nullptr || only_user(scores) != reader) return std::nullopt;
    found.nodes.push_back(maker);
    std::size_t operand = 0;
    if (is_op(maker, "MatMul")) {
      product = maker;
      continue;
    }
    if (const WindowMask windows = window_mask(maker, shape, found.nodes); windows.mask != nullptr && scale == 1.0) {
      found.masks.push_back(windows.mask);
      reader = found.nodes.back();
      scores = windows.scores;
      continue;
    }
    if (is_op(maker, "Add") && scale == 1.0) {
      operand = leads_to_product(maker->input(0)) ? 0 : 1;
      Value* mask = maker->input(1 - operand);
      if (!is_f32(*mask) || !is_mask(*mask, shape)) return std::nullopt;
      found.masks.push_back(mask);
    } else if (is_op(maker, "Where") && scale == 1.0 && found.keep == nullptr) {
      found.hides = constant_f32_number(maker->input(1)).has_value();
      operand = found.hides ? 2 : 1;
      const std::optional<double> hidden = constant_f32_number(maker->input(3 - operand));
      // Scores vanish in the sum with a number this low.
      if (!hidden || *hidden > -1e30) return std::nullopt;
      found.hidden = static_cast<float>(*hidden);
      found.keep = maker->input(0);
      if (!is_mask(*found.keep, shape)) return std::nullopt;
    } else if (const std::optional<double> factor = factor_of(maker, operand)) {
      scale *= *factor;
    } else {
      return std::nullopt;
    }
    reader = maker;
    scores = maker->input(operand);
  }
  found.x = unscaled(product->input(0), product, scale, found.nodes);
  Value* turned = unscaled(product->input(1), product, scale, found.nodes);
  const Node* turn = turned->producer();
  if (!is_op(turn, "Transpose") || !turned->shape().is_ranked() || turned->shape().rank() != 4) return std::nullopt;
  found.key_perm = turn->attributes().get_ints("perm", {3, 2, 1, 0});
  std::swap(found.key_perm[2], found.key_perm[3]);
  found.key = turn->input(0);
  if (only_user(turned) != nullptr) {
    found.nodes.push_back(turn);
    found.key = unscaled(found.key, turn, scale, found.nodes);
  }
  // Batch, heads, keys and sizes agree, without broadcasting.
  const Shape& q = found.x->shape();
  const Shape& v = found.value->shape();
  const Shape& k = turned->shape();
  if (!is_f32(*found.x) || !is_f32(*found.key) || !is_f32(*found.value) || !q.is_ranked() || q.rank() != 4 ||
      !v.is_ranked() || v.rank() != 4) {
    return std::nullopt;
  }
  if (!q[0].same(k[0]) || !q[0].same(v[0]) || !q[1].same(k[1]) || !q[1].same(v[1]) || !q[3].same(k[2]) ||
      !k[3].same(v[2]))
    return std::nullopt;
  found.scale = static_cast<float>(scale);
  std::reverse(found.nodes.begin(), found.nodes.end());
  found.nodes.insert(found.nodes.end(), {&node, mix});
  return found;
}

}  // namespace oriel
