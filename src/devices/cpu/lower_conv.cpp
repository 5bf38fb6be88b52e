// Conv and ConvTranspose in f32 or on operands rounded to bf16: weights packed at compile or, where a run brings them,
// by it; blocked activations, fused epilogues.
#include <algorithm>

#include "devices/cpu/convolution.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

bool transposed(const Node& node) { return node.op().name == "ConvTranspose"; }

// Whether weights and bias are there at compile.
bool has_constants(const Node& node) {
  return is_folded(node.input(1)) && (node.input(2) == nullptr || is_folded(node.input(2)));
}

std::string decline(const Node& node, const CompileOptions&) {
  if (node.output()->element() != ElementType::kF32)
    return formatted("no kernel for {}", element_name(node.output()->element()));
  const Value* w = node.input(1);
  if (w->element() != ElementType::kF32) return formatted("no kernel for weights of {}", element_name(w->element()));
  if (!w->shape().is_ranked()) return "weights of unknown rank";
  if (!has_constants(node) && !std::all_of(w->shape().dims().begin(), w->shape().dims().end(),
                                           [](const Dim& d) { return d.is_known() && d.value() > 0; }))
    return formatted("weights of shape {} that a run brings", w->shape().to_string());
  const std::size_t rank = w->shape().rank();
  if (rank < 3 || rank > 5) return formatted("{} spatial axes, kernels have 1 to 3", rank - 2);
  return {};
}

// What a core moves between layouts, reads and writes together, in bytes a second.
constexpr double kReorderRate = 10e9;

// Whether Winograd kernels, which make blocked outputs alone, gain more than it takes to reorder what is read plain.
bool worth_blocking(ConvLayer layer, const ConvShape& expected, const ConvPolicy& policy, bool residual) {
  layer.output_layout = kernels::Layout::kPlain;
  const double plain = conv_seconds(conv_choose(layer, expected, policy), expected, policy.threads);
  layer.output_layout = kernels::Layout::kBlocked;
  const double blocked = conv_seconds(conv_choose(layer, expected, policy), expected, policy.threads);
  const double elements = static_cast<double>(expected.batch * layer.out_channels * expected.out[0] * expected.out[1]) *
                          static_cast<double>(expected.out[2]);
  const double reorder = 2.0 * sizeof(float) * elements / kReorderRate / policy.threads;
  return blocked + (residual ? 2.0 : 1.0) * reorder < kWorthRounding * plain;
}

// The product that the unit took in before its convolution, or null: factors by channel, which are the operand that
// does not have the product's own shape.
const Node* absorbed_product(const Unit& unit) {
  const Node* node = unit.node->input(0)->producer();
  const bool taken = std::find(unit.absorbed.begin(), unit.absorbed.end(), node) != unit.absorbed.end();
  return taken && node->op().name == "Mul" ? node : nullptr;
}

// The value that a unit's convolution reads: that of an absorbed Pad, if there is one.
const Value* operand_of(const Unit& unit) {
  const Value* operand = unit.node->input(0);
  return unit.extra_pads.empty() ? operand : operand->producer()->input(0);
}

// Whether a unit is a convolution on operands rounded to bf16. Sums over few channels stay f32.
bool rounds(const Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool convolution = node.op().full_name() == "Conv" || node.op().full_name() == "ConvTranspose";
  if (!lowering.bf16() || unit.quantised != nullptr || !convolution || !decline(node, {}).empty() ||
      !has_constants(node))
    return false;
  const Shape& w = node.input(1)->shape();
  const std::int64_t groups = node.attributes().get_int("group");
  const std::int64_t one = w[1].value();
  const std::int64_t in = transposed(node) ? w[0].value() : one * groups;
  return in / groups >= kChannelBlock;
}

// Whether all who read the value round it to bf16, or add it to the sums of a convolution that does so.
bool is_read_rounded(const Lowering& lowering, const Value* value) {
  if (!lowering.may_block() || lowering.leaves(value) || value->users().empty()) return false;
  return std::all_of(value->users().begin(), value->users().end(), [&](const Node* user) {
    const Unit* reader = lowering.unit_of(user);
    return reader != nullptr && rounds(lowering, *reader) &&
           (operand_of(*reader) == value || reader->residual == value);
  });
}

void lower(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool constants = has_constants(node);
  const Dims dims = constants ? lowering.folded(node.input(1))->dims() : node.input(1)->shape().to_dims();
  const auto conv =
      std::make_shared<Convolution>(Convolution::read(node.attributes(), dims, transposed(node), unit.extra_pads));
  ConvLayer& layer = conv->kernel.layer;
  layer.activation = unit.activation;
  if (unit.residual != nullptr)
    layer.residual = unit.residual_after_activation ? Residual::kAfterActivation : Residual::kBeforeActivation;

  const Value* operand = operand_of(unit);
  const Value* input_scale = nullptr;
  if (const Node* product = absorbed_product(unit); product != nullptr) {
    const bool first = product->input(0)->shape().same(product->output()->shape());
    operand = product->input(first ? 0 : 1);
    input_scale = product->input(first ? 1 : 0);
    layer.scaled_input = true;
  }
  const bool bf16 = rounds(lowering, unit);
  const bool narrow_input = bf16 && lowering.is_narrow(operand);
  const bool narrow_output = bf16 && is_read_rounded(lowering, unit.output);
  const bool narrow_residual = bf16 && unit.residual != nullptr && lowering.is_narrow(unit.residual);
  if (bf16) {
    layer.input = ConvElement::kBf16;
    layer.rounds_input = !narrow_input;
    if (narrow_output) layer.output = ConvElement::kBf16;
    if (narrow_residual) layer.residual_element = ConvElement::kBf16;
    if (narrow_output) conv->output = ElementType::kBF16;
  }
  const bool plain_input = !layer.scaled_input && reads_plain(lowering, operand, layer);
  bool plain_output = !bf16 && !lowering.wanted_blocked(unit.output) &&
                      (unit.residual == nullptr || !lowering.is_blocked(unit.residual));
  layer.input_layout = plain_input ? kernels::Layout::kPlain : kernels::Layout::kBlocked;

  ConvPolicy policy;
  policy.threads = lowering.threads();
  policy.allow_winograd =
      constants && lowering.options().winograd && lowering.options().mode == CompileOptions::Mode::kPerformance;
  const ConvShape expected = expected_shape(*conv, *operand, policy.dynamic_shape);
  if (plain_output && lowering.may_block() && lowering.options().weights_budget != 0) {
    plain_output = !worth_blocking(layer, expected, policy, unit.residual != nullptr);
  }
  layer.output_layout = plain_output ? kernels::Layout::kPlain : kernels::Layout::kBlocked;

  Lowering::StepSpec spec;
  const auto stored = [&](const Value* value, bool narrow, bool plain) {
    return narrow ? lowering.narrow(value) : plain ? lowering.plain(value) : lowering.blocked(value);
  };
  spec.inputs = {stored(operand, narrow_input, plain_input)};
  if (unit.residual != nullptr) {
    spec.inputs.push_back(stored(unit.residual, narrow_residual, plain_output));
    if (narrow_residual == narrow_output) spec.in_place = {1};
  }
  if (input_scale != nullptr) spec.inputs.push_back(lowering.blocked(input_scale));
  spec.outputs = {narrow_output  ? lowering.narrow_output(unit.output)
                  : plain_output ? lowering.plain_output(unit.output)
                                 : lowering.blocked_output(unit.output)};
  spec.kernel = bf16 ? "conv_bf16" : formatted("conv_f32_{}", isa_name(std::min(policy.isa, Isa::kAvx512)));
  if (!constants) {
    if (unit.residual == nullptr) spec.inputs.push_back(-1);
    spec.inputs.push_back(lowering.plain(node.input(1)));
    if (node.input(2) != nullptr) spec.inputs.push_back(lowering.plain(node.input(2)));
    conv->kernel = conv_choose(layer, expected, policy);
    conv->brought = std::make_shared<const BroughtWeights>(BroughtWeights{dims, unit.scale, unit.shift});
    emit_unpacked_convolution(lowering, unit, conv, std::move(spec));
    return;
  }

  const Tensor& w = *lowering.folded(node.input(1));
  // What is packed besides the weights.
  struct Values {
    std::vector<float> bias;
    std::vector<float> scale;
  };
  const auto values = std::make_shared<Values>();
  if (const Tensor* b = lowering.folded(node.input(2)))
    values->bias.assign(b->data<float>(), b->data<float>() + b->size());
  if (!unit.scale.empty()) {
    values->scale = unit.scale;
    values->bias.resize(unit.scale.size(), 0.0F);
    for (std::size_t c = 0; c < unit.scale.size(); ++c)
      values->bias[c] = values->bias[c] * unit.scale[c] + unit.shift[c];
  }
  std::string bytes;
  append_bytes(bytes, values->bias);
  append_bytes(bytes, values->scale);
  const auto pack = [values, from = static_cast<const float*>(w.raw())](const ConvKernel& kernel, void* to,
                                                                        std::int64_t first, std::int64_t last) {
    const ConvWeights weights{from, values->bias.empty() ? nullptr : values->bias.data(),
                              values->scale.empty() ? nullptr : values->scale.data()};
    conv_pack(kernel, weights, to, first, last);
  };

  emit_convolution(lowering, unit, conv, conv_candidates(layer, expected, policy), w, bytes, pack, std::move(spec));
}

bool reads_blocked(const Node& node, std::size_t input) { return input == 0 && decline(node, {}).empty(); }

}  // namespace

std::vector<Rule> conv_rules() {
  return {{"Conv", decline, lower, reads_blocked}, {"ConvTranspose", decline, lower, reads_blocked}};
}

}  // namespace oriel::cpu
