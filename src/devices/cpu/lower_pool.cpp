// Max and average pools, with windows or global, of f32 and of bytes, on blocked activations.
#include <algorithm>

#include "devices/cpu/movement.h"
#include "devices/cpu/narrow.h"
#include "devices/cpu/quantised.h"
#include "kernels/elementwise/cast.h"
#include "kernels/pool/pool.h"
#include "kernels/pool/pool_bytes.h"
#include "kernels/pool/pool_indices.h"
#include "kernels/pool/pool_plain.h"
#include "ops/pool.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

bool is_global(const Node& node) { return node.op().name.rfind("Global", 0) == 0; }
bool is_max(const Node& node) { return node.op().name == "MaxPool" || node.op().name == "GlobalMaxPool"; }

std::string decline(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  if (type != ElementType::kF32 && !(is_byte(type) && is_max(node)))
    return formatted("no kernel for {}", element_name(type));
  const Shape& shape = node.input(0)->shape();
  if (!shape.is_ranked() || shape.rank() < 3 || shape.rank() > 5) return "kernels have 1 to 3 spatial axes";
  if (node.num_outputs() > 1 && type != ElementType::kF32)
    return formatted("no kernel gives indices into {}", element_name(type));
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

void lower_indices(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0))};
  spec.outputs = {lowering.plain_output(node.output(0)),
                  output_wanted(lowering, node, 1) ? lowering.plain_output(node.output(1)) : -1};
  spec.kernel = "pool_indices_f32";
  spec.algorithm = "max";
  spec.run = [pool = PoolStep(node), column = node.attributes().get_int("storage_order") != 0](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Dims dims;
    const PoolProblem p = pool.problem(x.dims(), dims);
    const float* from = x.data<float>();
    float* to = outputs.allocate(0, ElementType::kF32, dims).data<float>();
    std::int64_t* indices =
        outputs.wanted(1) ? outputs.allocate(1, ElementType::kI64, dims).data<std::int64_t>() : nullptr;
    const int rank = static_cast<int>(x.rank()) - 2;
    parallel(context, p.batch * p.channels, 1, [&](std::int64_t first, std::int64_t last, int) {
      pool_max_indices(p, rank, column, from, to, indices, first, last);
    });
  };
  lowering.step(unit, std::move(spec));
}

// MaxUnpool

std::string decline_unpool(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  return type == ElementType::kF32 ? std::string() : formatted("no kernel for {}", element_name(type));
}

void lower_unpool(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "unpool_f32";
  spec.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& indices = inputs[1];
    ORIEL_REQUIRE(x.rank() >= 3 && indices.dims() == x.dims(), "input of shape {} and indices of shape {}",
                  to_string(x.dims()), to_string(indices.dims()));
    const Dims natural = ops::unpooled_dims(inputs.attributes(), x.dims());
    const Dims dims = inputs.has(2) ? read_integers(inputs[2]) : natural;
    ORIEL_REQUIRE(dims.size() == natural.size(), "output_shape is {}, expected {} extents", to_string(dims),
                  natural.size());
    const bool same = dims == natural;
    const std::int64_t limit = count_elements(natural);
    const Dims strides = row_major_strides(dims);
    Tensor& out = outputs.allocate(0, ElementType::kF32, dims);
    float* to = out.data<float>();
    const float zero = 0;
    fill_elements(context, to, out.size(), 4, &zero);
    const float* from = x.data<float>();
    const auto* at = indices.data<std::int64_t>();
    // Indices may name one place twice: their order decides.
    for (std::int64_t i = 0; i < x.size(); ++i) {
      ORIEL_REQUIRE(at[i] >= 0 && at[i] < limit, "index {} outside {}", at[i], to_string(natural));
      std::int64_t place = at[i];
      if (!same) {
        std::int64_t rest = at[i];
        place = 0;
        for (std::size_t d = natural.size(); d-- > 0;) {
          const std::int64_t index = rest % natural[d];
          rest /= natural[d];
          ORIEL_REQUIRE(index < dims[d], "index {} of {} outside the output {}", at[i], to_string(natural),
                        to_string(dims));
          place += index * strides[d];
        }
      }
      to[place] = from[i];
    }
  };
  lowering.step(unit, std::move(spec));
}

// The mean of `points` pixels of 16 channels that are bf16, widened a few at a time.
void mean_of_narrow(const std::uint16_t* from, std::int64_t points, float* to) {
  constexpr std::int64_t kBlock = 16;
  constexpr std::int64_t kPoints = 128;
  alignas(64) float wide[kPoints * kBlock];
  alignas(64) float part[kBlock];
  float mean[kBlock] = {};
  for (std::int64_t first = 0; first < points; first += kPoints) {
    PoolProblem p;
    p.kind = PoolKind::kAverage;
    p.channels = kBlock;
    p.in[2] = p.kernel[2] = std::min(kPoints, points - first);
    cast(ElementType::kBF16, ElementType::kF32, from + first * kBlock, wide, p.in[2] * kBlock);
    const PoolPlan plan = pool_plan(p, 1);
    pool_run(plan, wide, part, 0, plan.units);
    const float share = static_cast<float>(p.in[2]) / static_cast<float>(points);
    for (std::int64_t c = 0; c < kBlock; ++c) mean[c] += part[c] * share;
  }
  std::copy_n(mean, kBlock, to);
}

void lower_narrow_mean(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec;
  spec.inputs = {lowering.narrow(unit.node->input(0))};
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.kernel = "pool_f32";
  spec.algorithm = "average";
  spec.run = [pool = PoolStep(*unit.node)](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Dims dims;
    const PoolProblem p = pool.problem(x.dims(), dims);
    const std::int64_t points = p.in[0] * p.in[1] * p.in[2];
    const auto* from = static_cast<const std::uint16_t*>(x.raw());
    auto* to = static_cast<float*>(outputs.allocate(0, ElementType::kF32, dims).raw());
    const std::int64_t grain = std::max<std::int64_t>(1, 1024 / std::max<std::int64_t>(points, 1));
    parallel(context, p.batch * ((p.channels + 15) / 16), grain, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t u = first; u < last; ++u) mean_of_narrow(from + u * points * 16, points, to + u * 16);
    });
  };
  lowering.step(unit, std::move(spec));
}

// Whether a window of f32 is pooled as its plain operand lies: where neither the operand nor a reader of the result has
// blocks, reorders would take longer than the pool.
bool stays_plain(const Lowering& lowering, const Unit& unit) {
  constexpr std::int64_t kLongest = 1 << 12;
  const Node& node = *unit.node;
  if (node.output()->element() != ElementType::kF32 || is_global(node)) return false;
  const Value* x = node.input(0);
  if (lowering.is_blocked(x) || lowering.is_narrow(x) || lowering.wanted_blocked(unit.output)) return false;
  const ops::Window window = ops::Window::read(node.attributes(), node.input(0)->shape().rank() - 2);
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    if (window.span(i) > kLongest) return false;
  }
  return true;
}

void lower_plain(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const PoolStep pool(node);
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "pool_f32";
  spec.algorithm = pool.kind == PoolKind::kMax ? "max, plain" : "average, plain";
  spec.run = [pool](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Dims dims;
    const PlainPoolPlan plan = plain_pool_plan(pool.problem(x.dims(), dims), context.threads.threads());
    const float* from = x.data<float>();
    float* to = outputs.allocate(0, ElementType::kF32, dims).data<float>();
    auto* scratch = static_cast<float*>(
        context.scratch(static_cast<std::size_t>(plan.scratch_floats * context.threads.threads()) * sizeof(float)));
    parallel(context, plan.units, 1, [&](std::int64_t first, std::int64_t last, int slot) {
      plain_pool_run(plan, from, to, first, last, scratch + slot * plan.scratch_floats);
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  if (node.num_outputs() > 1) return lower_indices(lowering, unit);
  if (lowering.is_narrow(node.input(0)) && pool_reads_narrow(lowering, unit, node.input(0), true))
    return lower_narrow_mean(lowering, unit);
  if (stays_plain(lowering, unit)) return lower_plain(lowering, unit);
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

bool reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && node.num_outputs() == 1 && decline(node, {}).empty();
}

// ReduceMean over all axes behind the channels.
bool spatial_mean(const Node& node) {
  const Shape& shape = node.input(0)->shape();
  if (node.op().full_name() != "ReduceMean" || !shape.is_ranked() || shape.rank() < 3 || shape.rank() > 5) return false;
  if (node.input(1) == nullptr || !node.input(1)->is_constant()) return false;
  std::vector<bool> reduced(shape.rank(), false);
  for (const std::int64_t a : node.input(1)->constant()->to_i64())
    reduced[static_cast<std::size_t>(normalize_axis(a, shape.rank()))] = true;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    if (reduced[i] != (i >= 2)) return false;
  }
  // Without its extents of 1 the result has no blocks of its own; whole ones lie as the plain layout does.
  return node.attributes().get_int("keepdims") != 0 || whole_blocks(shape);
}

}  // namespace

bool pool_reads_narrow(const Lowering& lowering, const Unit& unit, const Value* value, bool blocked) {
  const Node& node = *unit.node;
  return blocked && lowering.bf16() && node.op().full_name() == "GlobalAveragePool" && decline(node, {}).empty() &&
         node.input(0) == value;
}

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
    parallel(context, plan.units, 1,
             [&](std::int64_t first, std::int64_t last, int) { pool_bytes_run(plan, bytes, from, to, first, last); });
  };
  lowering.step(unit, std::move(spec));
}

std::vector<Rule> pool_rules() {
  std::vector<Rule> rules;
  for (const char* op : {"MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"})
    rules.push_back({op, decline, lower, reads_blocked});
  rules.push_back({"MaxUnpool", decline_unpool, lower_unpool});
  return rules;
}

}  // namespace oriel::cpu
