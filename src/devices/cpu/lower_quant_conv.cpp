// Convolutions of 8-bit integers: QLinearConv, ConvInteger, and the Conv of a quantised pattern.
#include <algorithm>

#include "devices/cpu/quantised.h"
#include "kernels/conv/conv.h"
#include "ops/spatial.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

// What differs between the operators that come down to one integer convolution.
struct IntegerConv {
  const Value* x = nullptr;
  const Value* w = nullptr;
  std::int32_t x_zero = 0;
  std::vector<std::int32_t> w_zeros{0};
  std::vector<std::int32_t> bias;  // empty: none
  std::vector<float> scale;        // by output channel; empty for sums
  std::vector<float> offset;       // by output channel; empty: none
  Activation activation;
  float y_scale = 1.0F;
  std::int32_t y_zero = 0;
  const Value* residual = nullptr;  // bytes, added after the activation
  float residual_scale = 1.0F;
  std::int32_t residual_zero = 0;
};

struct ConvStep {
  ConvKernel kernel;
  std::shared_ptr<Memory> packed;
  ops::Window window;
  std::size_t rank = 2;  // spatial
  ElementType output = ElementType::kU8;
};

void set3(std::int64_t (&to)[3], const Dims& from, std::int64_t fill) {
  for (std::size_t i = 0; i < 3; ++i) to[i] = i + from.size() < 3 ? fill : from[i + from.size() - 3];
}

ConvShape shape_of(const ConvStep& s, const Dims& x, Dims& out) {
  ops::Window window = s.window;
  const Dims in(x.begin() + 2, x.end());
  window.resolve_pads(in);
  out = {x[0], s.kernel.layer.out_channels};
  Dims extents;
  for (std::size_t i = 0; i < s.rank; ++i) {
    extents.push_back(ops::window_extent(window, i, in[i]));
    out.push_back(extents.back());
  }
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
  Tensor& y = outputs.allocate(0, s.output, dims);
  const int threads = context.threads.threads();
  const ConvPlan plan = conv_plan(s.kernel, shape, threads);
  const auto round = [](std::int64_t bytes) { return (bytes + 63) / 64 * 64; };
  const std::int64_t each = round(plan.thread_scratch_bytes);
  char* scratch = static_cast<char*>(context.scratch(static_cast<std::size_t>(round(plan.shared_scratch_bytes) + each * threads + 64)));
  ConvBuffers buffers;
  buffers.input = x.raw();
  if (s.kernel.layer.residual != Residual::kNone) {
    ORIEL_REQUIRE(inputs[1].dims() == dims, "an addend of shape {}, expected {}", to_string(inputs[1].dims()), to_string(dims));
    buffers.residual = inputs[1].raw();
  }
  buffers.output = y.raw();
  buffers.packed = s.packed->map();
  buffers.shared_scratch = scratch;
  char* own = scratch + round(plan.shared_scratch_bytes);
  for (int phase = 0; phase < plan.phases; ++phase) {
    parallel(context, plan.units[phase], 1,
             [&](std::int64_t first, std::int64_t last, int slot) { conv_run(plan, buffers, phase, first, last, own + slot * each); });
    context.check();
  }
}

ConvElement conv_element(ElementType type) {
  switch (type) {
    case ElementType::kU8: return ConvElement::kU8;
    case ElementType::kI8: return ConvElement::kS8;
    case ElementType::kF32: return ConvElement::kF32;
    default: return ConvElement::kS32;
  }
}

// Whether every weight less its zero point fits a signed byte.
bool fit_s8(const Tensor& w, const std::vector<std::int32_t>& zeros) {
  const std::int64_t channels = w.dim(0);
  const std::int64_t each = channels == 0 ? 0 : w.size() / channels;
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int32_t zero = zeros[zeros.size() == 1 ? 0 : static_cast<std::size_t>(c)];
    for (std::int64_t i = c * each; i < (c + 1) * each; ++i) {
      const std::int32_t q = w.type() == ElementType::kU8 ? static_cast<const std::uint8_t*>(w.raw())[i] : static_cast<const std::int8_t*>(w.raw())[i];
      if (q - zero < -128 || q - zero > 127) return false;
    }
  }
  return true;
}

void emit(Lowering& lowering, const Unit& unit, const IntegerConv& conv) {
  const Node& node = *unit.node;
  const Tensor& w = *conv.w->constant();
  auto step = std::make_shared<ConvStep>();
  step->rank = w.rank() - 2;
  step->output = unit.output->element();
  step->window = ops::Window::read(node.attributes(), step->rank, Dims(w.dims().begin() + 2, w.dims().end()));
  ConvLayer layer;
  layer.groups = node.attributes().get_int("group");
  layer.in_channels = w.dim(1) * layer.groups;
  layer.out_channels = w.dim(0);
  set3(layer.kernel, step->window.kernel, 1);
  set3(layer.stride, step->window.strides, 1);
  set3(layer.dilation, step->window.dilations, 1);
  layer.activation = conv.activation;
  layer.input = conv_element(conv.x->element());
  layer.output = conv_element(step->output);
  layer.input_zero = conv.x_zero;
  layer.output_zero = conv.y_zero;
  layer.output_scale = conv.y_scale;
  layer.weights_fit_s8 = fit_s8(w, conv.w_zeros);
  if (conv.residual != nullptr) {
    layer.residual = Residual::kAfterActivation;
    layer.residual_element = conv_element(conv.residual->element());
    layer.residual_scale = conv.residual_scale;
    layer.residual_zero = conv.residual_zero;
  }
  const bool plain_input = !lowering.is_blocked(conv.x) && layer.in_channels < 16 && layer.groups == 1;
  layer.input_layout = plain_input ? kernels::Layout::kPlain : kernels::Layout::kBlocked;

  ConvPolicy policy;
  policy.threads = lowering.threads();
  policy.allow_winograd = false;
  Dims assumed{1, layer.in_channels};
  const Shape& in_shape = conv.x->shape();
  if (in_shape.is_ranked() && in_shape[0].is_known()) assumed[0] = in_shape[0].value();
  constexpr std::int64_t kMiddlingExtent = 56;
  for (std::size_t i = 2; i < w.rank(); ++i) {
    const bool known = in_shape.is_ranked() && in_shape[i].is_known();
    assumed.push_back(known ? in_shape[i].value() : kMiddlingExtent);
    if (!known) policy.dynamic_shape = true;
  }
  step->kernel.layer = layer;
  ConvShape expected;
  Dims extents;
  try {
    expected = shape_of(*step, assumed, extents);
  } catch (const Error&) {
    // The middling extent does not fit the window: only the order of magnitude counts.
    set3(expected.in, Dims(step->rank, kMiddlingExtent), 1);
    set3(expected.out, Dims(step->rank, kMiddlingExtent), 1);
  }
  step->kernel = conv_choose(layer, expected, policy);

  ConvIntegerWeights weights;
  weights.weights = w.raw();
  weights.is_signed = w.type() == ElementType::kI8;
  weights.zero = conv.w_zeros.data();
  weights.zero_per_channel = conv.w_zeros.size() > 1;
  weights.bias = conv.bias.empty() ? nullptr : conv.bias.data();
  weights.scale = conv.scale.empty() ? nullptr : conv.scale.data();
  weights.offset = conv.offset.empty() ? nullptr : conv.offset.data();
  step->packed = allocate_host(static_cast<std::size_t>(step->kernel.packed_bytes), lowering.options().budget, "packed weights");
  auto pack = [&](std::int64_t first, std::int64_t last, int) { conv_pack(step->kernel, weights, step->packed->map(), first, last); };
  ThreadLease(lowering.threads()).parallel_for(conv_pack_units(step->kernel), 1, pack);

  Lowering::StepSpec spec;
  spec.inputs = {plain_input ? lowering.plain(conv.x) : lowering.blocked(conv.x)};
  if (conv.residual != nullptr) {
    spec.inputs.push_back(lowering.blocked(conv.residual));
    if (conv.residual->element() == step->output) spec.in_place = {1};
  }
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.kernel = formatted("conv_{}_{}", element_name(conv.x->element()), isa_name(step->kernel.isa));
  spec.algorithm = std::string(conv_algorithm_name(step->kernel.algorithm));
  spec.packed_bytes = step->kernel.packed_bytes;
  spec.run = [step](const Inputs& inputs, OutputSink& outputs, RunContext& context) { run_conv(*step, inputs, outputs, context); };
  lowering.step(unit, std::move(spec));
}

std::string decline_weights(const Value* w, const Value* x) {
  if (!w->is_constant()) return "weights that are no constants";
  const std::size_t rank = w->shape().rank();
  if (rank < 3 || rank > 5) return formatted("weights of rank {}, kernels have 1 to 3 spatial axes", rank);
  if (!x->shape().is_ranked() || x->shape().rank() != rank) return "an input of unknown rank";
  if (w->constant()->size() == 0) return "no weights";
  return {};
}

// A parameter with one element, or one for every output channel.
bool per_channel(const Value* parameter, const Value* w) {
  const Tensor& t = *parameter->constant();
  return (t.size() == 1 && t.rank() <= 1) || (t.rank() == 1 && t.dim(0) == w->constant()->dim(0));
}

std::string decline_qlinear(const Node& node, const CompileOptions&) {
  const Value* w = node.input(3);
  std::string sentence = decline_weights(w, node.input(0));
  if (!sentence.empty()) return sentence;
  for (const std::size_t i : {1, 2, 4, 5, 6, 7, 8}) {
    if (!fixed_operand(node.input(i))) return "scales, zero points or a bias that are no constants";
  }
  for (const std::size_t i : {1, 2, 6, 7}) {
    if (node.input(i) != nullptr && node.input(i)->constant()->size() != 1) return "more than one scale or zero point of the activations";
  }
  if (!per_channel(node.input(4), w) || (node.input(5) != nullptr && !per_channel(node.input(5), w))) return "parameters that do not fit the weights";
  if (node.input(8) != nullptr && node.input(8)->constant()->size() != w->constant()->dim(0)) return "a bias that does not fit the weights";
  return {};
}

void lower_qlinear(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  IntegerConv conv;
  conv.x = node.input(0);
  conv.w = node.input(3);
  conv.x_zero = constant_zeros(node.input(2))[0];
  conv.w_zeros = constant_zeros(node.input(5));
  conv.y_zero = constant_zeros(node.input(7))[0];
  if (node.input(8) != nullptr) conv.bias = constant_zeros(node.input(8));
  const float x_scale = constant_f32(node.input(1))[0];
  const float y_scale = constant_f32(node.input(6))[0];
  const std::vector<float> w_scales = constant_f32(node.input(4));
  const auto channels = static_cast<std::size_t>(conv.w->constant()->dim(0));
  for (std::size_t c = 0; c < channels; ++c) conv.scale.push_back(x_scale * w_scales[w_scales.size() == 1 ? 0 : c] / y_scale);
  emit(lowering, unit, conv);
}

std::string decline_integer(const Node& node, const CompileOptions&) {
  const Value* w = node.input(1);
  std::string sentence = decline_weights(w, node.input(0));
  if (!sentence.empty()) return sentence;
  if (!fixed_operand(node.input(2)) || !fixed_operand(node.input(3))) return "zero points that are no constants";
  if (node.input(2) != nullptr && node.input(2)->constant()->size() != 1) return "more than one zero point of the input";
  if (node.input(3) != nullptr && !per_channel(node.input(3), w)) return "zero points that do not fit the weights";
  return {};
}

void lower_integer(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  IntegerConv conv;
  conv.x = node.input(0);
  conv.w = node.input(1);
  conv.x_zero = constant_zeros(node.input(2))[0];
  conv.w_zeros = constant_zeros(node.input(3));
  emit(lowering, unit, conv);
}

bool qlinear_reads_blocked(const Node& node, std::size_t input) { return input == 0 && decline_qlinear(node, {}).empty(); }
bool integer_reads_blocked(const Node& node, std::size_t input) { return input == 0 && decline_integer(node, {}).empty(); }

}  // namespace

void lower_quantised_conv(Lowering& lowering, const Unit& unit) {
  const QuantisedUnit& q = *unit.quantised;
  IntegerConv conv;
  conv.x = q.operands[0];
  conv.w = q.operands[1];
  conv.x_zero = q.zeros[0];
  conv.w_zeros = q.weight_zeros;
  conv.y_zero = q.zeros[1];
  conv.y_scale = q.scales[1];
  conv.offset = q.offset;
  conv.activation = unit.activation;
  if (q.operands.size() > 2) {
    conv.residual = q.operands[2];
    conv.residual_scale = q.residual_scale;
    conv.residual_zero = q.residual_zero;
  }
  const auto channels = static_cast<std::size_t>(conv.w->constant()->dim(0));
  for (std::size_t c = 0; c < channels; ++c) conv.scale.push_back(q.scales[0] * q.weight_scales[q.weight_scales.size() == 1 ? 0 : c]);
  emit(lowering, unit, conv);
}

bool serves_integer_conv(const Value* weights, const Value* x) { return decline_weights(weights, x).empty(); }

std::vector<Rule> quant_conv_rules() {
  return {{"QLinearConv", decline_qlinear, lower_qlinear, qlinear_reads_blocked}, {"ConvInteger", decline_integer, lower_integer, integer_reads_blocked}};
}

}  // namespace oriel::cpu
