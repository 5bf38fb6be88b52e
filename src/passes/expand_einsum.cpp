// Einsum of floats as Transpose, ReduceSum, MatMul and Mul, operand by operand from the left.
//
// Two operands with indices in common that nobody needs any more are a MatMul: its columns are these indices, its rows
// and columns the last index of each side that the other lacks; all others are batch axes, of extent 1 in the operand
// that lacks them. Operands without such indices are multiplied. What stays an Einsum: integers, operands of unknown
// rank, an index twice in a term, an extent of 1 that is summed against another one, and several summed indices of
// unknown extent.
#include <algorithm>
#include <optional>

#include "ops/einsum.h"
#include "passes/pass.h"

namespace oriel {
namespace {

using ops::Term;

bool has(const Term& term, int index) { return std::find(term.begin(), term.end(), index) != term.end(); }

struct Operand {
  Value* value;
  Term term;
};

class Expander {
 public:
  Expander(Graph& graph, const Node& node) : node_(node), patch_(graph) {}

  bool run() {
    if (!is_float(node_.output()->element())) return false;
    const ops::Equation e = ops::parse_equation(node_.attributes().get_string("equation"), node_.num_inputs());
    std::vector<Operand> operands;
    std::size_t axes = 0;
    for (std::size_t i = 0; i < node_.num_inputs(); ++i) {
      const Shape& shape = node_.input(i)->shape();
      if (!shape.is_ranked()) return false;
      const std::size_t own = ops::ellipsis_axes(e.operands[i], shape.rank());
      axes = std::max(axes, own);
      operands.push_back({node_.input(i), ops::expand_term(e.operands[i], own)});
    }
    const Term output = ops::expand_term(e.output, axes);
    if (!fits(operands, output)) return false;
    Operand left = operands[0];
    for (std::size_t i = 1; i < operands.size(); ++i) {
      Term needed = output;
      for (std::size_t k = i + 1; k < operands.size(); ++k)
        needed.insert(needed.end(), operands[k].term.begin(), operands[k].term.end());
      std::optional<Operand> joined = join(left, operands[i], needed);
      if (!joined) return false;
      left = *joined;
    }
    left = sum_without(left, output);
    Value* result = arrange(left, output);
    // The equation of a copy leaves an operand, whose type is not this node's to set.
    if (std::find(node_.inputs().begin(), node_.inputs().end(), result) != node_.inputs().end())
      result = call("Identity", {result});
    InferContext(*result->producer()).set(0, result->element(), node_.output()->shape());
    patch_.replace(node_.output(), result);
    return true;
  }

 private:
  // Whether every term names an index once, and summed indices have one extent.
  static bool fits(const std::vector<Operand>& operands, const Term& output) {
    for (const Operand& o : operands) {
      for (std::size_t i = 0; i < o.term.size(); ++i) {
        const int index = o.term[i];
        if (std::count(o.term.begin(), o.term.end(), index) != 1) return false;
        if (has(output, index)) continue;
        for (const Operand& other : operands) {
          const auto at = std::find(other.term.begin(), other.term.end(), index);
          if (at == other.term.end()) continue;
          const Dim& a = o.value->shape()[i];
          const Dim& b = other.value->shape()[static_cast<std::size_t>(at - other.term.begin())];
          if (!a.may_equal(b) || (a.is_known() && a.value() == 1 && !a.same(b))) return false;
        }
      }
    }
    return true;
  }

  Value* call(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return patch_.call(op, std::move(inputs), std::move(attributes), {&node_});
  }
  Value* numbers(const std::vector<std::int64_t>& values) { return patch_.constant(Tensor::of_i64(values)); }

  // Sums the indices that `kept` lacks.
  Operand sum_without(const Operand& o, const Term& kept) {
    std::vector<std::int64_t> axes;
    Term rest;
    for (std::size_t i = 0; i < o.term.size(); ++i) {
      if (has(kept, o.term[i])) {
        rest.push_back(o.term[i]);
      } else {
        axes.push_back(static_cast<std::int64_t>(i));
      }
    }
    if (axes.empty()) return o;
    return {call("ReduceSum", {o.value, numbers(axes)}, {{"keepdims", std::int64_t{0}}}), rest};
  }

  // The operand with its axes in the order of `order`, which has axes of extent 1 for indices that the operand lacks;
  // leading ones are left out.
  Value* arrange(const Operand& o, const Term& order) {
    std::vector<std::int64_t> perm;
    std::vector<std::int64_t> added;
    for (const int index : order) {
      const auto at = std::find(o.term.begin(), o.term.end(), index);
      if (at != o.term.end()) {
        perm.push_back(at - o.term.begin());
      } else if (!perm.empty()) {
        added.push_back(static_cast<std::int64_t>(perm.size() + added.size()));
      }
    }
    Value* v = o.value;
    if (!std::is_sorted(perm.begin(), perm.end())) v = call("Transpose", {v}, {{"perm", perm}});
    if (!added.empty()) v = call("Unsqueeze", {v, numbers(added)});
    return v;
  }

  std::optional<Operand> join(Operand a, Operand b, const Term& needed) {
    Term kept = needed;
    kept.insert(kept.end(), b.term.begin(), b.term.end());
    a = sum_without(a, kept);
    kept = needed;
    kept.insert(kept.end(), a.term.begin(), a.term.end());
    b = sum_without(b, kept);
    Term shared;
    Term summed;
    Term rows;
    Term columns;
    for (const int index : a.term) (!has(b.term, index) ? rows : has(needed, index) ? shared : summed).push_back(index);
    for (const int index : b.term) {
      if (!has(a.term, index)) columns.push_back(index);
    }
    if (summed.empty()) {
      Term order = shared;
      order.insert(order.end(), rows.begin(), rows.end());
      order.insert(order.end(), columns.begin(), columns.end());
      return Operand{call("Mul", {arrange(a, order), arrange(b, order)}), order};
    }
    if (shared.empty() && !rows.empty() && columns.size() + summed.size() > 2) {
      if (std::optional<Operand> flat = join_flat(a, b, rows, columns, summed)) return flat;
    }
    Term batch = shared;
    if (!rows.empty()) batch.insert(batch.end(), rows.begin(), rows.end() - 1);
    if (!columns.empty()) batch.insert(batch.end(), columns.begin(), columns.end() - 1);
    std::optional<Value*> x = matrix(a, batch, rows, summed, false);
    std::optional<Value*> y = matrix(b, batch, columns, summed, true);
    if (!x || !y) return std::nullopt;
    Value* product = call("MatMul", {*x, *y});
    Term term = batch;
    std::vector<std::int64_t> single;
    const auto rank = static_cast<std::int64_t>(product->shape().rank());
    if (rows.empty()) {
      single.push_back(rank - 2);
    } else {
      term.push_back(rows.back());
    }
    if (columns.empty()) {
      single.push_back(rank - 1);
    } else {
      term.push_back(columns.back());
    }
    if (!single.empty()) product = call("Squeeze", {product, numbers(single)});
    return Operand{product, term};
  }

  // Without shared indices the right operand is one matrix, and one product serves all its columns: [rows..., K] times
  // [K, N]. The extents of its columns have to be known.
  std::optional<Operand> join_flat(const Operand& a, const Operand& b, const Term& rows, const Term& columns,
                                   const Term& summed) {
    const auto extents = [](const Operand& o, const Term& indices) {
      std::vector<std::int64_t> list;
      for (const int index : indices) {
        const Dim& d =
            o.value->shape()[static_cast<std::size_t>(std::find(o.term.begin(), o.term.end(), index) - o.term.begin())];
        list.push_back(d.is_known() ? d.value() : -1);
      }
      return list;
    };
    const auto product_of = [](const std::vector<std::int64_t>& list) {
      std::int64_t product = 1;
      for (const std::int64_t d : list) product *= d;
      return product;
    };
    const auto known = [](const std::vector<std::int64_t>& list) {
      return std::all_of(list.begin(), list.end(), [](std::int64_t d) { return d > 0; });
    };
    const std::vector<std::int64_t> widths = extents(b, columns);
    const std::vector<std::int64_t> depths = extents(b, summed);
    if (columns.empty() || !known(widths) || (summed.size() > 1 && (!known(depths) || extents(a, summed) != depths)))
      return std::nullopt;
    const auto joined = [](Term first, const Term& second) {
      first.insert(first.end(), second.begin(), second.end());
      return first;
    };
    Value* x = arrange(a, joined(rows, summed));
    std::vector<std::int64_t> leading(rows.size(), 0);  // copied
    if (summed.size() > 1) {
      std::vector<std::int64_t> target = leading;
      target.push_back(product_of(depths));
      x = call("Reshape", {x, numbers(target)});
    }
    Value* y = arrange(b, joined(summed, columns));
    y = call("Reshape", {y, numbers({summed.size() > 1 ? product_of(depths) : 0, product_of(widths)})});
    Value* product = call("MatMul", {x, y});
    if (columns.size() > 1) {
      std::vector<std::int64_t> target = leading;
      target.insert(target.end(), widths.begin(), widths.end());
      product = call("Reshape", {product, numbers(target)});
    }
    return Operand{product, joined(rows, columns)};
  }

  // [batch..., own, summed], or [batch..., summed, own] with `second`; own is 1 where there is none. Several summed
  // indices become one axis, for which their extents have to be known.
  std::optional<Value*> matrix(const Operand& o, const Term& batch, const Term& own, const Term& summed, bool second) {
    Term order = batch;
    const bool several = summed.size() > 1;
    const bool own_first = !second || several;
    if (!own.empty() && own_first) order.push_back(own.back());
    order.insert(order.end(), summed.begin(), summed.end());
    if (!own.empty() && !own_first) order.push_back(own.back());
    Value* v = arrange(o, order);
    if (several) {
      const std::size_t outer = v->shape().rank() - summed.size();
      Dim extent(1);
      for (std::size_t i = 0; i < summed.size(); ++i) extent = extent * v->shape()[outer + i];
      if (!extent.is_known()) return std::nullopt;
      std::vector<std::int64_t> target(outer, 0);
      target.push_back(extent.value());
      v = call("Reshape", {v, numbers(target)});
    }
    const auto rank = static_cast<std::int64_t>(v->shape().rank());
    if (own.empty()) return call("Unsqueeze", {v, numbers({second ? rank : rank - 1})});
    if (second && several) {
      std::vector<std::int64_t> perm;
      for (std::int64_t i = 0; i < rank; ++i) perm.push_back(i);
      std::swap(perm[static_cast<std::size_t>(rank - 1)], perm[static_cast<std::size_t>(rank - 2)]);
      v = call("Transpose", {v}, {{"perm", perm}});
    }
    return v;
  }

  const Node& node_;
  Patch patch_;
};

}  // namespace

bool expand_einsum(Graph& graph) {
  bool changed = false;
  const std::vector<Node*> nodes = graph.nodes();
  for (const Node* node : nodes) {
    if (node->op().name == "Einsum" && node->op().domain.empty()) changed = Expander(graph, *node).run() || changed;
  }
  return changed;
}

}  // namespace oriel
