// Conv and ConvTranspose in f32: weights packed at compile, blocked activations, fused epilogues.
#include <algorithm>
#include <cmath>

#include "devices/cpu/lowering.h"
#include "kernels/conv/conv.h"
#include "ops/conv_transpose.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

constexpr std::int64_t kMiddlingExtent = 56;

bool transposed(const Node& node) { return node.op().name == "ConvTranspose"; }

std::string decline(const Node& node, const CompileOptions&) {
  if (node.output()->element() != ElementType::kF32) return formatted("no kernel for {}", element_name(node.output()->element()));
  const Value* w = node.input(1);
  if (!is_folded(w)) return "weights that are no constants";
  if (node.input(2) != nullptr && !is_folded(node.input(2))) return "a bias that is no constant";
  if (!w->shape().is_ranked()) return "weights of unknown rank";
  const std::size_t rank = w->shape().rank();
  if (rank < 3 || rank > 5) return formatted("{} spatial axes, kernels have 1 to 3", rank - 2);
  return {};
}

// What a step keeps.
struct ConvStep {
  ConvKernel kernel;
  std::shared_ptr<Memory> packed;
  ops::Window window;
  ops::OutputSize output_size;  // of a transposed one
  std::size_t rank = 2;  // spatial
  std::int64_t out_channels = 0;
  int threads = 1;
};

// Spatial entries, right-aligned into (depth, height, width).
void set3(std::int64_t (&to)[3], const Dims& from, std::int64_t fill) {
  for (std::size_t i = 0; i < 3; ++i) to[i] = i + from.size() < 3 ? fill : from[i + from.size() - 3];
}

ConvShape shape_of(const ConvStep& s, const Dims& x, Dims& out) {
  ops::Window window = s.window;
  const Dims in(x.begin() + 2, x.end());
  Dims extents;
  if (s.kernel.layer.transposed) {
    extents = s.output_size.resolve(window, in);
  } else {
    window.resolve_pads(in);
    for (std::size_t i = 0; i < s.rank; ++i) extents.push_back(ops::window_extent(window, i, in[i]));
  }
  out = {x[0], s.out_channels};
  for (const std::int64_t d : extents) out.push_back(d);
  ConvShape shape;
  shape.batch = x[0];
  set3(shape.in, in, 1);
  set3(shape.out, extents, 1);
  set3(shape.pad, window.pads_begin, 0);
  return shape;
}

void run_conv(const ConvStep& s, const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() == s.rank + 2 && x.dim(1) == s.kernel.layer.in_channels, "input of shape {}, expected {} channels and {} spatial axes",
                to_string(x.dims()), s.kernel.layer.in_channels, s.rank);
  Dims dims;
  const ConvShape shape = shape_of(s, x.dims(), dims);
  Tensor& y = outputs.allocate(0, ElementType::kF32, dims);
  const int threads = context.threads.threads();
  const ConvPlan plan = conv_plan(s.kernel, shape, threads);
  const auto round = [](std::int64_t bytes) { return (bytes + 63) / 64 * 64; };
  const std::int64_t each = round(plan.thread_scratch_bytes);
  char* scratch = static_cast<char*>(context.scratch(static_cast<std::size_t>(round(plan.shared_scratch_bytes) + each * threads + 64)));
  ConvBuffers buffers;
  buffers.input = x.raw();
  buffers.output = y.raw();
  buffers.packed = s.packed->map();
  buffers.shared_scratch = scratch;
  if (s.kernel.layer.residual != Residual::kNone) {
    const Tensor& r = inputs[1];
    ORIEL_REQUIRE(r.dims() == dims, "an addend of shape {}, expected {}", to_string(r.dims()), to_string(dims));
    buffers.residual = r.raw();
  }
  char* own = scratch + round(plan.shared_scratch_bytes);
  for (int phase = 0; phase < plan.phases; ++phase) {
    parallel(context, plan.units[phase], 1,
             [&](std::int64_t first, std::int64_t last, int slot) { conv_run(plan, buffers, phase, first, last, own + slot * each); });
    context.check();
  }
}

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Tensor& w = *lowering.folded(node.input(1));
  const Attributes& attributes = node.attributes();
  auto step = std::make_shared<ConvStep>();
  step->rank = w.rank() - 2;
  step->threads = lowering.threads();
  step->window = ops::Window::read(attributes, step->rank, Dims(w.dims().begin() + 2, w.dims().end()));
  for (std::size_t i = 0; i < unit.extra_pads.size(); ++i) {
    (i < step->rank ? step->window.pads_begin[i] : step->window.pads_end[i - step->rank]) += unit.extra_pads[i];
  }
  if (transposed(node)) step->output_size = ops::OutputSize::read(attributes, step->rank);

  ConvLayer layer;
  layer.transposed = transposed(node);
  layer.groups = attributes.get_int("group");
  layer.in_channels = layer.transposed ? w.dim(0) : w.dim(1) * layer.groups;
  layer.out_channels = layer.transposed ? w.dim(1) * layer.groups : w.dim(0);
  step->out_channels = layer.out_channels;
  set3(layer.kernel, step->window.kernel, 1);
  set3(layer.stride, step->window.strides, 1);
  set3(layer.dilation, step->window.dilations, 1);
  layer.activation = unit.activation;
  if (unit.residual != nullptr) layer.residual = unit.residual_after_activation ? Residual::kAfterActivation : Residual::kBeforeActivation;

  // With one absorbed Pad the operand is the Pad's.
  const Value* operand = node.input(0);
  if (!unit.extra_pads.empty()) operand = operand->producer()->input(0);
  const bool plain_input = !lowering.is_blocked(operand) && layer.in_channels < 16 && layer.groups == 1;
  const bool plain_output = !lowering.wanted_blocked(unit.output) && (unit.residual == nullptr || !lowering.is_blocked(unit.residual));
  layer.input_layout = plain_input ? kernels::Layout::kPlain : kernels::Layout::kBlocked;
  layer.output_layout = plain_output ? kernels::Layout::kPlain : kernels::Layout::kBlocked;

  ConvPolicy policy;
  policy.threads = lowering.threads();
  policy.allow_winograd = lowering.options().winograd && lowering.options().mode == CompileOptions::Mode::kPerformance;
  ConvShape expected;
  Dims assumed{1, layer.in_channels};
  const Shape& in_shape = operand->shape();
  if (in_shape.is_ranked() && in_shape[0].is_known()) assumed[0] = in_shape[0].value();
  for (std::size_t i = 2; i < step->rank + 2; ++i) {
    const bool known = in_shape.is_ranked() && in_shape[i].is_known();
    // An extent that is not known is taken for a middling one.
    assumed.push_back(known ? in_shape[i].value() : kMiddlingExtent);
    if (!known) policy.dynamic_shape = true;
  }
  step->kernel.layer = layer;
  Dims extents;
  try {
    expected = shape_of(*step, assumed, extents);
  } catch (const Error&) {
    // The middling extent does not fit the window: only the order of magnitude counts.
    set3(expected.in, Dims(step->rank, kMiddlingExtent), 1);
    set3(expected.out, Dims(step->rank, kMiddlingExtent), 1);
  }
  step->kernel = conv_choose(layer, expected, policy);

  std::vector<float> bias;
  if (const Tensor* b = lowering.folded(node.input(2))) bias.assign(b->data<float>(), b->data<float>() + b->size());
  const float* weights = w.data<float>();
  std::vector<float> scaled;
  if (!unit.scale.empty()) {
    const auto n = static_cast<std::size_t>(layer.out_channels);
    if (bias.empty()) bias.assign(n, 0.0F);
    for (std::size_t c = 0; c < n; ++c) bias[c] = bias[c] * unit.scale[c] + unit.shift[c];
    scaled.assign(weights, weights + w.size());
    const std::int64_t taps = layer.kernel[0] * layer.kernel[1] * layer.kernel[2];
    const std::int64_t per_group = layer.out_channels / layer.groups;
    for (std::int64_t i = 0; i < w.size(); ++i) {
      const std::int64_t row = i / (w.dim(1) * taps);
      const std::int64_t channel = layer.transposed ? row / (layer.in_channels / layer.groups) * per_group + i / taps % w.dim(1) : row;
      scaled[static_cast<std::size_t>(i)] *= unit.scale[static_cast<std::size_t>(channel)];
    }
    weights = scaled.data();
  }
  step->packed = allocate_host(static_cast<std::size_t>(step->kernel.packed_bytes), lowering.options().budget, "packed weights");
  auto pack = [&](std::int64_t first, std::int64_t last, int) {
    conv_pack(step->kernel, weights, bias.empty() ? nullptr : bias.data(), step->packed->map(), first, last);
  };
  ThreadLease(lowering.threads()).parallel_for(conv_pack_units(step->kernel), 1, pack);

  Lowering::StepSpec spec;
  spec.inputs = {plain_input ? lowering.plain(operand) : lowering.blocked(operand)};
  if (unit.residual != nullptr) spec.inputs.push_back(plain_output ? lowering.plain(unit.residual) : lowering.blocked(unit.residual));
  spec.outputs = {plain_output ? lowering.plain_output(unit.output) : lowering.blocked_output(unit.output)};
  spec.kernel = "conv_f32_" + std::string(isa_name(step->kernel.isa));
  spec.algorithm = std::string(conv_algorithm_name(step->kernel.algorithm));
  spec.packed_bytes = step->kernel.packed_bytes;
  if (unit.residual != nullptr && !unit.residual_after_activation) spec.in_place = {1};
  spec.run = [step](const Inputs& inputs, OutputSink& outputs, RunContext& context) { run_conv(*step, inputs, outputs, context); };
  lowering.step(unit, std::move(spec));
}

bool reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && decline(node, {}).empty();
}

}  // namespace

std::vector<Rule> conv_rules() {
  return {{"Conv", decline, lower, reads_blocked}, {"ConvTranspose", decline, lower, reads_blocked}};
}

}  // namespace oriel::cpu
