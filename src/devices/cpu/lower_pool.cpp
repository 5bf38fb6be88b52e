// Max and average pools, with windows or global, of f32 and of bytes, on blocked activations.
#include <algorithm>

#include "devices/cpu/quantised.h"
#include "kernels/pool/pool.h"
#include "kernels/pool/pool_bytes.h"
#include "ops/pool.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

bool is_global(const Node& node) { return node.op().name.rfind("Global", 0) == 0; }
bool is_max(const Node& node) { return node.op().name == "MaxPool" || node.op().name == "GlobalMaxPool"; }

std::string decline(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  if (type != ElementType::kF32 && !(is_byte(type) && is_max(node))) return formatted("no kernel for {}", element_name(type));
  const Shape& shape = node.input(0)->shape();
  if (!shape.is_ranked() || shape.rank() < 3 || shape.rank() > 5) return "kernels have 1 to 3 spatial axes";
  if (node.num_outputs() > 1) return "no kernel gives indices";
  return {};
}

void set3(std::int64_t (&to)[3], const Dims& from, std::int64_t fill) {
  for (std::size_t i = 0; i < 3; ++i) to[i] = i + from.size() < 3 ? fill : from[i + from.size() - 3];
}

// What a node pools, whatever the shape.
struct PoolStep {
  PoolKind kind = PoolKind::kMax;
  bool global = false;
  bool keep = true;  // whether the pooled axes stay as extents of 1
  Attributes attributes;

  explicit PoolStep(const Node& node) : attributes(node.attributes()) {
    const bool mean = node.op().name == "ReduceMean";
    global = mean || is_global(node);
    keep = !mean || attributes.get_int("keepdims") != 0;
    const bool include_pad = attributes.get_int("count_include_pad", 0) != 0;
    kind = is_max(node) ? PoolKind::kMax : include_pad ? PoolKind::kAverageIncludingPad : PoolKind::kAverage;
  }

  PoolProblem problem(const Dims& x, Dims& out) const {
    PoolProblem p;
    p.kind = kind;
    p.batch = x[0];
    p.channels = x[1];
    out = {x[0], x[1]};
    const Dims in(x.begin() + 2, x.end());
    set3(p.in, in, 1);
    if (global) {
      if (keep) out.resize(x.size(), 1);
      set3(p.kernel, in, 1);
      return p;
    }
    const ops::PoolGeometry g = ops::PoolGeometry::of(attributes, x);
    out = g.dims;
    set3(p.out, g.out, 1);
    set3(p.kernel, g.window.kernel, 1);
    set3(p.stride, g.window.strides, 1);
    set3(p.dilation, g.window.dilations, 1);
    set3(p.pad, g.window.pads_begin, 0);
    set3(p.pad_end, g.window.pads_end, 0);
    return p;
  }
};

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  const ElementType type = node.output()->element();
  const PoolStep pool(node);
  spec.inputs = {lowering.blocked(node.input(0))};
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.kernel = formatted("pool_{}", element_name(type));
  spec.algorithm = pool.kind == PoolKind::kMax ? "max" : "average";
  spec.run = [pool, type](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Dims dims;
    const PoolPlan plan = pool_plan(pool.problem(x.dims(), dims), context.threads.threads());
    const void* from = x.raw();
    void* to = outputs.allocate(0, type, dims).raw();
    PoolBytes bytes;
    bytes.input = bytes.output = type;
    parallel(context, plan.units, 1, [&](std::int64_t first, std::int64_t last, int) {
      if (type == ElementType::kF32) {
        pool_run(plan, static_cast<const float*>(from), static_cast<float*>(to), first, last);
      } else {
        pool_bytes_run(plan, bytes, from, to, first, last);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

bool reads_blocked(const Node& node, std::size_t input) { return input == 0 && decline(node, {}).empty(); }

// ReduceMean over all axes behind the channels.
bool spatial_mean(const Node& node) {
  const Shape& shape = node.input(0)->shape();
  if (node.op().full_name() != "ReduceMean" || !shape.is_ranked() || shape.rank() < 3 || shape.rank() > 5) return false;
  if (node.input(1) == nullptr || !node.input(1)->is_constant()) return false;
  std::vector<bool> reduced(shape.rank(), false);
  for (const std::int64_t a : node.input(1)->constant()->to_i64()) reduced[static_cast<std::size_t>(normalize_axis(a, shape.rank()))] = true;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    if (reduced[i] != (i >= 2)) return false;
  }
  // Without its extents of 1 the result has no blocks of its own; whole ones lie as the plain layout does.
  return node.attributes().get_int("keepdims") != 0 || whole_blocks(shape);
}

}  // namespace

bool serves_byte_average(const Node& node) {
  if (spatial_mean(node)) return true;
  const std::string name = node.op().full_name();
  if (name != "AveragePool" && name != "GlobalAveragePool") return false;
  const Shape& shape = node.input(0)->shape();
  return shape.is_ranked() && shape.rank() >= 3 && shape.rank() <= 5;
}

void lower_quantised_average(Lowering& lowering, const Unit& unit) {
  const QuantisedUnit& q = *unit.quantised;
  const PoolStep pool(*unit.node);
  PoolBytes bytes;
  bytes.input = q.operands[0]->element();
  bytes.output = unit.output->element();
  bytes.zero = q.zeros[0];
  bytes.scale = bytes.output == ElementType::kF32 ? q.scales[0] : q.scales[0] / q.scales[1];
  bytes.output_zero = q.zeros[1];
  Lowering::StepSpec spec;
  spec.inputs = {lowering.blocked(q.operands[0])};
  spec.outputs = {pool.keep ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.kernel = formatted("pool_{}", element_name(bytes.input));
  spec.algorithm = "average";
  spec.run = [pool, bytes](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Dims dims;
    const PoolPlan plan = pool_plan(pool.problem(x.dims(), dims), context.threads.threads());
    const void* from = x.raw();
    void* to = outputs.allocate(0, bytes.output, dims).raw();
    parallel(context, plan.units, 1, [&](std::int64_t first, std::int64_t last, int) { pool_bytes_run(plan, bytes, from, to, first, last); });
  };
  lowering.step(unit, std::move(spec));
}

std::vector<Rule> pool_rules() {
  std::vector<Rule> rules;
  for (const char* op : {"MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"}) rules.push_back({op, decline, lower, reads_blocked});
  return rules;
}

}  // namespace oriel::cpu
