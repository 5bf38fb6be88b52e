// Products of one value with several constant matrices, whose results attention reads as Q, K and V, become one product
// that is split behind: one pass over the operand, and no copy where attention reads the parts in place.
#include <algorithm>
#include <cstring>

#include "passes/pass.h"
#include "passes/patterns.h"

namespace oriel {
namespace {

bool is_op(const Node* node, std::string_view name) {
  return node != nullptr && node->op().domain.empty() && node->op().name == name;
}

// x W + b with constants W [rows, columns] and b [columns]; b may be absent.
struct Projection {
  Value* x = nullptr;
  const Tensor* weights = nullptr;
  const Tensor* bias = nullptr;
  Value* result = nullptr;
  std::vector<const Node*> nodes;
};

// Whether one node reads the value, those aside that ask for its dimensions.
bool read_once(const Value& v) {
  const auto count =
      std::count_if(v.users().begin(), v.users().end(), [](const Node* n) { return !is_op(n, "Shape"); });
  return count == 1 && !leaves_graph(v);
}

const Tensor* constant_matrix(const Value* v, std::size_t rank) {
  return v->is_constant() && v->element() == ElementType::kF32 && v->constant()->rank() == rank ? v->constant()
                                                                                                : nullptr;
}

// The projection that an operand of attention is, through reshapes and transposes that nobody else reads.
std::optional<Projection> projection_of(Value* v) {
  while (read_once(*v) && (is_op(v->producer(), "Reshape") || is_op(v->producer(), "Transpose")))
    v = v->producer()->input(0);
  if (v->producer() == nullptr || !read_once(*v)) return std::nullopt;
  Projection p;
  p.result = v;
  if (is_op(v->producer(), "Add")) {
    const Node* sum = v->producer();
    const std::size_t at = constant_matrix(sum->input(0), 1) != nullptr ? 0 : 1;
    p.bias = constant_matrix(sum->input(at), 1);
    if (p.bias == nullptr) return std::nullopt;
    p.nodes.push_back(sum);
    v = sum->input(1 - at);
    if (v->producer() == nullptr || !read_once(*v)) return std::nullopt;
  }
  const Node* product = v->producer();
  if (!is_op(product, "MatMul")) return std::nullopt;
  p.weights = constant_matrix(product->input(1), 2);
  p.x = product->input(0);
  p.nodes.insert(p.nodes.begin(), product);
  if (p.weights == nullptr || (p.bias != nullptr && p.bias->size() != p.weights->dim(1))) return std::nullopt;
  return p;
}

// Matrices of as many rows side by side.
Tensor side_by_side(const std::vector<const Tensor*>& parts) {
  const std::size_t rank = parts[0]->rank();
  const std::int64_t rows = rank == 2 ? parts[0]->dim(0) : 1;
  std::int64_t columns = 0;
  for (const Tensor* t : parts) columns += t->dims().back();
  Tensor all = Tensor::allocate(ElementType::kF32, rank == 2 ? Dims{rows, columns} : Dims{columns});
  float* to = all.data<float>();
  for (std::int64_t r = 0; r < rows; ++r) {
    for (const Tensor* t : parts) to = std::copy_n(t->data<float>() + r * t->dims().back(), t->dims().back(), to);
  }
  return all;
}

bool merge(Graph& graph, const std::vector<Projection>& parts) {
  Patch patch(graph);
  std::vector<const Node*> from;
  std::vector<const Tensor*> weights;
  std::vector<const Tensor*> biases;
  for (const Projection& p : parts) {
    from.insert(from.end(), p.nodes.begin(), p.nodes.end());
    weights.push_back(p.weights);
    if (p.bias != nullptr) biases.push_back(p.bias);
  }
  Value* y = patch.call("MatMul", {parts[0].x, patch.constant(side_by_side(weights))}, {}, from);
  if (!biases.empty()) y = patch.call("Add", {y, patch.constant(side_by_side(biases))}, {}, from);
  Tensor sizes = Tensor::allocate(ElementType::kI64, {static_cast<std::int64_t>(parts.size())});
  for (std::size_t i = 0; i < parts.size(); ++i) sizes.data<std::int64_t>()[i] = parts[i].weights->dim(1);
  Attributes axis;
  axis.set("axis", std::int64_t{-1});
  const Node* split =
      patch.add("", "Split", std::move(axis), {y, patch.constant(std::move(sizes))}, parts.size(), from);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!split->output(i)->shape().same(parts[i].result->shape())) return false;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) patch.replace(parts[i].result, split->output(i));
  return true;
}

}  // namespace

bool merge_projections(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (const Node* node : nodes) {
    if (!is_op(node, "Attention")) continue;
    std::vector<Projection> parts;
    for (std::size_t i = 0; i < 3; ++i) {
      std::optional<Projection> p = projection_of(node->input(i));
      if (p && p->x->shape().is_ranked() && p->x->shape().rank() >= 2) parts.push_back(std::move(*p));
    }
    // Of cross attention keys and values alone share their operand.
    while (parts.size() >= 2) {
      const Projection& last = parts.back();
      const bool alike = std::all_of(parts.begin(), parts.end(), [&](const Projection& p) {
        return p.x == last.x && (p.bias == nullptr) == (last.bias == nullptr) &&
               p.weights->dim(0) == last.weights->dim(0);
      });
      if (alike) {
        changed = merge(graph, parts) || changed;
        break;
      }
      parts.erase(parts.begin());
    }
  }
  return Patch::clean(graph) > 0 || changed;
}

}  // namespace oriel
