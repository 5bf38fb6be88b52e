// Reductions over any axes, and positions of extremes.
#include <algorithm>
#include <map>

#include "devices/cpu/lowering.h"
#include "kernels/reduce/reduce.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

std::optional<ReduceOp> reduce_of(const Node& node) {
  static const std::map<std::string, ReduceOp>* const ops = new std::map<std::string, ReduceOp>{
      {"ReduceSum", ReduceOp::kSum},       {"ReduceMean", ReduceOp::kMean},
      {"ReduceMax", ReduceOp::kMax},       {"ReduceMin", ReduceOp::kMin},
      {"ReduceProd", ReduceOp::kProd},     {"ReduceL1", ReduceOp::kL1},
      {"ReduceL2", ReduceOp::kL2},         {"ReduceSumSquare", ReduceOp::kSumSquare},
      {"ReduceLogSum", ReduceOp::kLogSum}, {"ReduceLogSumExp", ReduceOp::kLogSumExp}};
  const auto found = ops->find(node.op().name);
  return found == ops->end() ? std::nullopt : std::optional(found->second);
}

std::string decline_reduce(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  if (type != ElementType::kF32 && !has_reduce(*reduce_of(node), type))
    return formatted("no kernel for {}", element_name(type));
  return {};
}

void lower_reduce(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const ReduceOp op = *reduce_of(node);
  const bool keep = node.attributes().get_int("keepdims") != 0;
  const bool noop = node.attributes().get_int("noop_with_empty_axes") != 0;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0)), lowering.plain(node.input(1))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "reduce_" + std::string(element_name(unit.output->element()));
  spec.algorithm = node.op().name;
  spec.run = [op, keep, noop](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() <= kMaxReduceRank, "rank {} above {}", x.rank(), kMaxReduceRank);
    bool reduced[kMaxReduceRank] = {};
    const std::int64_t count = inputs.has(1) ? inputs[1].size() : 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t axis = element_as_i64(inputs[1], i);
      bool& goes = reduced[normalize_axis(axis, x.rank())];
      ORIEL_REQUIRE(!goes, "axis {} is given twice", axis);
      goes = true;
    }
    if (count == 0 && !noop) std::fill_n(reduced, x.rank(), true);
    Dims dims;
    for (std::size_t i = 0; i < x.rank(); ++i) {
      if (!reduced[i]) {
        dims.push_back(x.dim(i));
      } else if (keep) {
        dims.push_back(1);
      }
    }
    const Reduce plan = plan_reduce(static_cast<int>(x.rank()), x.dims().data(), reduced);
    Tensor& y = outputs.allocate(0, x.type(), dims);
    const std::int64_t work = plan.units > 0 ? std::max<std::int64_t>(1, x.size() / plan.units) : 1;
    parallel(context, plan.units, std::max<std::int64_t>(1, 16384 / work),
             [&](std::int64_t first, std::int64_t last, int) {
               if (x.type() == ElementType::kF32) {
                 reduce_f32(op, plan, x.data<float>(), y.data<float>(), first, last);
               } else {
                 reduce(op, x.type(), plan, x.raw(), y.raw(), first, last);
               }
             });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_arg(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  if (type != ElementType::kF32 && !has_reduce(ReduceOp::kMax, type))
    return formatted("no kernel for {}", element_name(type));
  return {};
}

void lower_arg(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool largest = node.op().name == "ArgMax";
  const bool keep = node.attributes().get_int("keepdims") != 0;
  const bool last_of_equal = node.attributes().get_int("select_last_index") != 0;
  const std::int64_t axis = node.attributes().get_int("axis");
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "arg_extreme";
  spec.algorithm = node.op().name;
  spec.run = [=](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const auto a = static_cast<std::size_t>(normalize_axis(axis, std::max<std::size_t>(x.rank(), 1)));
    Dims dims = x.dims();
    std::int64_t inner = 1;
    for (std::size_t i = a + 1; i < dims.size(); ++i) inner *= dims[i];
    const std::int64_t extent = dims.empty() ? 1 : dims[a];
    if (!dims.empty()) {
      dims[a] = 1;
      if (!keep) dims.erase(dims.begin() + a);
    }
    Tensor& y = outputs.allocate(0, ElementType::kI64, dims);
    ORIEL_REQUIRE(extent > 0 || y.size() == 0, "no elements along axis {} of shape {}", axis, to_string(x.dims()));
    parallel(context, y.size(), std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(extent, 1)),
             [&](std::int64_t first, std::int64_t last, int) {
               arg_extreme(largest, last_of_equal, x.type(), extent, inner, x.raw(), y.data<std::int64_t>(), first,
                           last);
             });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> reduce_rules() {
  std::vector<Rule> rules;
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
                         "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"}) {
    rules.push_back({op, decline_reduce, lower_reduce});
  }
  rules.push_back({"ArgMax", decline_arg, lower_arg});
  rules.push_back({"ArgMin", decline_arg, lower_arg});
  return rules;
}

}  // namespace oriel::cpu
