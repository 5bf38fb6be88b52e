// Max and average pools, with windows or global, on blocked activations.
#include <algorithm>

#include "devices/cpu/lowering.h"
#include "kernels/pool/pool.h"
#include "ops/pool.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

bool is_global(const Node& node) { return node.op().name.rfind("Global", 0) == 0; }
bool is_max(const Node& node) { return node.op().name == "MaxPool" || node.op().name == "GlobalMaxPool"; }

std::string decline(const Node& node, const CompileOptions&) {
  if (node.output()->element() != ElementType::kF32) return formatted("no kernel for {}", element_name(node.output()->element()));
  const Shape& shape = node.input(0)->shape();
  if (!shape.is_ranked() || shape.rank() < 3 || shape.rank() > 5) return "kernels have 1 to 3 spatial axes";
  if (node.num_outputs() > 1) return "no kernel gives indices";
  return {};
}

void set3(std::int64_t (&to)[3], const Dims& from, std::int64_t fill) {
  for (std::size_t i = 0; i < 3; ++i) to[i] = i + from.size() < 3 ? fill : from[i + from.size() - 3];
}

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool global = is_global(node);
  const bool include_pad = node.attributes().get_int("count_include_pad", 0) != 0;
  const PoolKind kind = is_max(node) ? PoolKind::kMax : include_pad ? PoolKind::kAverageIncludingPad : PoolKind::kAverage;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.blocked(node.input(0))};
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.kernel = "pool_f32";
  spec.algorithm = kind == PoolKind::kMax ? "max" : "average";
  const Attributes attributes = node.attributes();
  spec.run = [kind, global, attributes](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    PoolProblem p;
    p.kind = kind;
    p.batch = x.dim(0);
    p.channels = x.dim(1);
    Dims dims{x.dim(0), x.dim(1)};
    const Dims in(x.dims().begin() + 2, x.dims().end());
    set3(p.in, in, 1);
    if (global) {
      dims.resize(x.rank(), 1);
      set3(p.kernel, in, 1);
    } else {
      const ops::PoolGeometry g = ops::PoolGeometry::of(attributes, x.dims());
      dims = g.dims;
      set3(p.out, g.out, 1);
      set3(p.kernel, g.window.kernel, 1);
      set3(p.stride, g.window.strides, 1);
      set3(p.dilation, g.window.dilations, 1);
      set3(p.pad, g.window.pads_begin, 0);
      set3(p.pad_end, g.window.pads_end, 0);
    }
    Tensor& y = outputs.allocate(0, ElementType::kF32, dims);
    const PoolPlan plan = pool_plan(p, context.threads.threads());
    const auto* from = static_cast<const float*>(x.raw());
    auto* to = static_cast<float*>(y.raw());
    parallel(context, plan.units, 1, [&](std::int64_t first, std::int64_t last, int) { pool_run(plan, from, to, first, last); });
  };
  lowering.step(unit, std::move(spec));
}

bool reads_blocked(const Node& node, std::size_t input) { return input == 0 && decline(node, {}).empty(); }

}  // namespace

std::vector<Rule> pool_rules() {
  std::vector<Rule> rules;
  for (const char* op : {"MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"}) rules.push_back({op, decline, lower, reads_blocked});
  return rules;
}

}  // namespace oriel::cpu
