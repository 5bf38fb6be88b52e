// Convolutions of 8-bit integers: QLinearConv, ConvInteger, and the Conv of a quantised pattern.
#include <algorithm>

#include "devices/cpu/convolution.h"
#include "devices/cpu/quantised.h"

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
  float middle_step = 0.0F;
  // Scale and zero point of x that come from a run; `scale` is then without them. Null: constants.
  const Value* run_time_scale = nullptr;
  const Value* run_time_zero = nullptr;
};

ConvElement conv_element(ElementType type) {
  switch (type) {
    case ElementType::kU8:
      return ConvElement::kU8;
    case ElementType::kI8:
      return ConvElement::kS8;
    case ElementType::kF32:
      return ConvElement::kF32;
    default:
      return ConvElement::kS32;
  }
}

ConvIntegerWeights weights_of(const IntegerConv& conv) {
  const Tensor& w = *conv.w->constant();
  ConvIntegerWeights weights;
  weights.weights = w.raw();
  weights.is_signed = w.type() == ElementType::kI8;
  weights.zero = conv.w_zeros.data();
  weights.zero_per_channel = conv.w_zeros.size() > 1;
  weights.bias = conv.bias.empty() ? nullptr : conv.bias.data();
  weights.scale = conv.scale.empty() ? nullptr : conv.scale.data();
  weights.offset = conv.offset.empty() ? nullptr : conv.offset.data();
  return weights;
}

void emit(Lowering& lowering, const Unit& unit, IntegerConv integer) {
  const Tensor& w = *integer.w->constant();
  const auto conv = std::make_shared<Convolution>(Convolution::read(unit.node->attributes(), w.dims(), false));
  conv->output = unit.output->element();
  ConvLayer& layer = conv->kernel.layer;
  layer.activation = integer.activation;
  layer.input = conv_element(integer.x->element());
  layer.output = conv_element(conv->output);
  layer.input_zero = integer.x_zero;
  layer.output_zero = integer.y_zero;
  layer.output_scale = integer.y_scale;
  layer.wide_words = conv_wide_words(layer, weights_of(integer));
  if (integer.residual != nullptr) {
    layer.residual = Residual::kAfterActivation;
    layer.residual_element = conv_element(integer.residual->element());
    layer.residual_scale = integer.residual_scale;
    layer.residual_zero = integer.residual_zero;
    layer.middle_step = integer.middle_step;
  }
  const bool run_time = integer.run_time_scale != nullptr || integer.run_time_zero != nullptr;
  if (run_time) {
    auto parameters = std::make_shared<RunTimeParameters>();
    const std::int64_t each = w.size() / w.dim(0);
    parameters->scale = integer.scale;
    parameters->scale.resize(static_cast<std::size_t>(w.dim(0)), 1.0F);
    for (std::int64_t c = 0; c < w.dim(0); ++c) {
      std::int64_t sum = 0;
      for (std::int64_t i = c * each; i < (c + 1) * each; ++i) sum += element_as_i64(w, i);
      parameters->sums.push_back(sum -
                                 each * integer.w_zeros[integer.w_zeros.size() == 1 ? 0 : static_cast<std::size_t>(c)]);
    }
    // Lanes beyond the channels are read as well.
    for (; parameters->scale.size() % 32 != 0; parameters->sums.push_back(0)) parameters->scale.push_back(1.0F);
    conv->run_time = std::move(parameters);
  }
  const bool plain_input = reads_plain(lowering, integer.x, layer);
  layer.input_layout = plain_input ? kernels::Layout::kPlain : kernels::Layout::kBlocked;

  ConvPolicy policy;
  policy.threads = lowering.threads();
  policy.allow_winograd = false;
  const ConvShape expected = expected_shape(*conv, *integer.x, policy.dynamic_shape);

  std::string bytes;
  append_bytes(bytes, w.type());
  append_bytes(bytes, integer.w_zeros);
  append_bytes(bytes, integer.bias);
  append_bytes(bytes, integer.scale);
  append_bytes(bytes, integer.offset);
  Lowering::StepSpec spec;
  spec.inputs = {plain_input ? lowering.plain(integer.x) : lowering.blocked(integer.x)};
  if (run_time) {
    spec.inputs.push_back(lowering.plain(integer.run_time_scale));
    spec.inputs.push_back(lowering.plain(integer.run_time_zero));
  }
  if (integer.residual != nullptr) {
    spec.inputs.push_back(lowering.blocked(integer.residual));
    if (integer.residual->element() == conv->output) spec.in_place = {1};
  }
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.kernel = formatted("conv_{}_{}", element_name(integer.x->element()), isa_name(std::min(policy.isa, Isa::kVnni)));
  const auto kept = std::make_shared<const IntegerConv>(std::move(integer));
  const auto pack = [kept](const ConvKernel& kernel, void* to, std::int64_t first, std::int64_t last) {
    conv_pack(kernel, weights_of(*kept), to, first, last);
  };
  emit_convolution(lowering, unit, conv, conv_candidates(layer, expected, policy), w, bytes, pack, std::move(spec));
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
    if (node.input(i) != nullptr && node.input(i)->constant()->size() != 1)
      return "more than one scale or zero point of the activations";
  }
  if (!per_channel(node.input(4), w) || (node.input(5) != nullptr && !per_channel(node.input(5), w)))
    return "parameters that do not fit the weights";
  if (node.input(8) != nullptr && node.input(8)->constant()->size() != w->constant()->dim(0))
    return "a bias that does not fit the weights";
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
  for (std::size_t c = 0; c < channels; ++c)
    conv.scale.push_back(x_scale * w_scales[w_scales.size() == 1 ? 0 : c] / y_scale);
  emit(lowering, unit, std::move(conv));
}

std::string decline_integer(const Node& node, const CompileOptions&) {
  const Value* w = node.input(1);
  std::string sentence = decline_weights(w, node.input(0));
  if (!sentence.empty()) return sentence;
  if (!fixed_operand(node.input(3))) return "zero points of the weights that are no constants";
  if (node.input(2) != nullptr) {
    const Dim count = node.input(2)->shape().elements();
    if (!count.is_known() || count.value() != 1) return "more than one zero point of the input";
  }
  if (node.input(3) != nullptr && !per_channel(node.input(3), w)) return "zero points that do not fit the weights";
  return {};
}

void lower_integer(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  IntegerConv conv;
  conv.x = node.input(0);
  conv.w = node.input(1);
  if (fixed_operand(node.input(2))) {
    conv.x_zero = constant_zeros(node.input(2))[0];
  } else {
    conv.run_time_zero = node.input(2);
  }
  conv.w_zeros = constant_zeros(node.input(3));
  emit(lowering, unit, std::move(conv));
}

bool qlinear_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && decline_qlinear(node, {}).empty();
}
bool integer_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && decline_integer(node, {}).empty();
}

}  // namespace

void lower_quantised_conv(Lowering& lowering, const Unit& unit) {
  const QuantisedUnit& q = *unit.quantised;
  IntegerConv conv;
  conv.x = q.operands[0];
  conv.w = q.operands[1];
  const bool run_time = q.kind == QuantisedUnit::Kind::kDynamic;
  conv.x_zero = run_time ? 0 : q.zeros[0];
  conv.w_zeros = q.weight_zeros;
  conv.y_zero = q.zeros.back();
  conv.y_scale = q.scales.back();
  conv.offset = q.offset;
  conv.activation = unit.activation;
  if (run_time) {
    conv.run_time_scale = q.operands[2];
    conv.run_time_zero = q.operands[3];
  } else if (q.operands.size() > 2) {
    conv.residual = q.operands[2];
    conv.residual_scale = q.residual_scale;
    conv.residual_zero = q.residual_zero;
    conv.middle_step = q.middle_step;
  }
  const auto channels = static_cast<std::size_t>(conv.w->constant()->dim(0));
  for (std::size_t c = 0; c < channels; ++c)
    conv.scale.push_back((run_time ? 1.0F : q.scales[0]) * q.weight_scales[q.weight_scales.size() == 1 ? 0 : c]);
  emit(lowering, unit, std::move(conv));
}

bool serves_integer_conv(const Value* weights, const Value* x) { return decline_weights(weights, x).empty(); }

std::vector<Rule> quant_conv_rules() {
  return {{"QLinearConv", decline_qlinear, lower_qlinear, qlinear_reads_blocked},
          {"ConvInteger", decline_integer, lower_integer, integer_reads_blocked}};
}

}  // namespace oriel::cpu
