// Products of f32 with constant weights of 2, 4 or 8 bits, which stay as they are in memory: MatMul and Gemm of a
// DequantizeLinear of constants, and MatMulNBits.
#include <algorithm>
#include <cmath>

#include "devices/cpu/quantised.h"
#include "kernels/gemm/weight_only.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

// Weights as kernels pack them: unsigned codes, [n][blocks] of scales and zero points.
struct CodedWeights {
  std::int64_t n = 0;
  std::int64_t k = 0;
  int bits = 8;
  std::int64_t block = 1;
  std::vector<std::uint8_t> codes;  // [n][blocks][bytes of a block]
  std::vector<float> scales;
  std::vector<std::uint8_t> zeros;  // [n][bytes of a row of blocks]

  CodedWeights(std::int64_t columns, std::int64_t depth, int width, std::int64_t shared)
      : n(columns), k(depth), bits(width <= 4 ? 4 : 8), block(shared) {
    codes.resize(static_cast<std::size_t>(n * blocks() * block_bytes()));
    scales.resize(static_cast<std::size_t>(n * blocks()));
    zeros.resize(static_cast<std::size_t>(n * zeros_row()));
  }
  std::int64_t blocks() const { return (k + block - 1) / block; }
  std::int64_t block_bytes() const { return (block * bits + 7) / 8; }
  std::int64_t zeros_row() const { return (blocks() * bits + 7) / 8; }
  void set_code(std::int64_t column, std::int64_t i, std::int64_t code) {
    put(codes.data() + (column * blocks() + i / block) * block_bytes(), i % block, code);
  }
  void set_block(std::int64_t column, std::int64_t b, float scale, std::int64_t zero) {
    scales[static_cast<std::size_t>(column * blocks() + b)] = scale;
    put(zeros.data() + column * zeros_row(), b, zero);
  }

 private:
  void put(std::uint8_t* row, std::int64_t i, std::int64_t code) const {
    if (bits == 8) {
      row[i] = static_cast<std::uint8_t>(code);
    } else {
      row[i / 2] = static_cast<std::uint8_t>(row[i / 2] | code << i % 2 * 4);
    }
  }
};

// Value i of a constant of small integers as it lies in memory, moved to start at 0.
class Codes {
 public:
  explicit Codes(const Tensor& t)
      : data_(static_cast<const std::uint8_t*>(t.raw())),
        bits_(element_bits(t.type())),
        flip_(is_signed(t.type()) ? 1 << (bits_ - 1) : 0) {}
  static bool is_signed(ElementType type) {
    return type == ElementType::kI8 || type == ElementType::kI4 || type == ElementType::kI2;
  }
  std::int64_t operator[](std::int64_t i) const {
    const std::int64_t bit = i * bits_;
    return ((data_[bit / 8] >> bit % 8) & ((1 << bits_) - 1)) ^ flip_;
  }
  int bits() const { return bits_; }

 private:
  const std::uint8_t* data_;
  int bits_;
  int flip_;
};

struct WeightOnlyStep {
  WeightOnlyProblem problem;
  std::shared_ptr<Memory> packed;
  std::vector<float> bias;
  Activation activation;
};

void run(const WeightOnlyStep& s, const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  ORIEL_REQUIRE(a.rank() > 0 && a.dims().back() == s.problem.k, "operand of shape {}, expected {} columns",
                to_string(a.dims()), s.problem.k);
  Dims dims = a.dims();
  dims.back() = s.problem.n;
  Tensor& y = outputs.allocate(0, ElementType::kF32, dims);
  if (y.size() == 0) return;
  WeightOnlyProblem problem = s.problem;
  problem.m = y.size() / problem.n;
  problem.threads = context.threads.threads();
  const WeightOnlyPlan plan = weight_only_plan(problem);
  const std::size_t each = (plan.scratch_bytes + 63) / 64 * 64;
  char* own = static_cast<char*>(context.scratch(each * static_cast<std::size_t>(problem.threads) + 64));
  WeightOnlyOperands o;
  o.a = a.data<float>();
  o.lda = problem.k;
  o.packed = s.packed->map();
  o.c = y.data<float>();
  o.ldc = problem.n;
  o.bias = s.bias.empty() ? nullptr : s.bias.data();
  o.activation = s.activation;
  parallel(context, plan.units, 1, [&](std::int64_t first, std::int64_t last, int slot) {
    weight_only_run(plan, o, first, last, own + static_cast<std::size_t>(slot) * each);
  });
}

void emit(Lowering& lowering, const Unit& unit, const Value* a, const CodedWeights& weights, std::vector<float> bias,
          const Activation& activation) {
  auto step = std::make_shared<WeightOnlyStep>();
  step->problem.n = weights.n;
  step->problem.k = weights.k;
  step->problem.bits = weights.bits;
  step->problem.block = weights.block;
  step->bias = std::move(bias);
  step->activation = activation;
  WeightOnlySource source;
  source.q = weights.codes.data();
  source.scales = weights.scales.data();
  source.zeros = weights.zeros.data();
  step->packed = allocate_host(weight_only_packed_bytes(step->problem), lowering.options().budget, "packed weights");
  auto pack = [&](std::int64_t first, std::int64_t last, int) {
    weight_only_pack(step->problem, source, first, last, step->packed->map());
  };
  ThreadLease(lowering.threads()).parallel_for(weight_only_panels(weights.n), 1, pack);
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(a)};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "gemm_weight_only";
  spec.algorithm = formatted("{}_bits", weights.bits);
  spec.packed_bytes = static_cast<std::int64_t>(step->packed->size());
  spec.run = [step](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    run(*step, inputs, outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

// The sizes that a MatMulNBits node states.
struct NBits {
  std::int64_t k, n, bits, block;
  explicit NBits(const Attributes& a)
      : k(a.get_int("K")), n(a.get_int("N")), bits(a.get_int("bits")), block(a.get_int("block_size")) {}
  std::int64_t blocks() const { return (k + block - 1) / block; }
  std::int64_t zeros_row() const { return (blocks() * bits + 7) / 8; }
};

std::string decline_nbits(const Node& node, const CompileOptions&) {
  const NBits s(node.attributes());
  if (node.input(0)->element() != ElementType::kF32)
    return formatted("no kernel for {}", element_name(node.input(0)->element()));
  for (const std::size_t i : {1, 2, 3, 5}) {
    if (!fixed_operand(node.input(i))) return "weights, scales, zero points or a bias that are no constants";
  }
  if (node.input(4) != nullptr) return "groups of columns in an order of their own";
  const Tensor& b = *node.input(1)->constant();
  if (b.type() != ElementType::kU8 || b.size() != s.n * s.blocks() * (s.block * s.bits / 8))
    return "weights of another size than K and N say";
  if (node.input(2)->constant()->size() != s.n * s.blocks() || b.size() == 0)
    return "scales of another size than K and N say";
  if (const Value* zeros = node.input(3)) {
    if (zeros->element() != ElementType::kU8) return "zero points that are no integers";
    if (zeros->constant()->size() != s.n * s.zeros_row()) return "zero points of another size than K and N say";
  }
  if (node.input(5) != nullptr && node.input(5)->constant()->size() != s.n) return "a bias of another size than N";
  return {};
}

void lower_nbits(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const NBits s(node.attributes());
  const Tensor& b = *node.input(1)->constant();
  const auto* bytes = static_cast<const std::uint8_t*>(b.raw());
  const auto* zeros =
      node.input(3) != nullptr ? static_cast<const std::uint8_t*>(node.input(3)->constant()->raw()) : nullptr;
  const std::vector<float> scales = constant_f32(node.input(2));
  const auto value = [&](const std::uint8_t* row, std::int64_t i) {
    return (row[i * s.bits / 8] >> i * s.bits % 8) & ((1 << s.bits) - 1);
  };
  CodedWeights weights(s.n, s.k, static_cast<int>(s.bits), s.block);
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t g = 0; g < s.blocks(); ++g) {
      const std::int64_t zero = zeros != nullptr ? value(zeros + n * s.zeros_row(), g) : 1 << (s.bits - 1);
      weights.set_block(n, g, scales[static_cast<std::size_t>(n * s.blocks() + g)], zero);
      const std::uint8_t* row = bytes + (n * s.blocks() + g) * (s.block * s.bits / 8);
      for (std::int64_t i = g * s.block; i < std::min(s.k, (g + 1) * s.block); ++i)
        weights.set_code(n, i, value(row, i % s.block));
    }
  }
  emit(lowering, unit, node.input(0), weights, constant_f32(node.input(5)), {});
}

}  // namespace

bool serves_weight_only(const Node& dequantize, bool transpose_b) {
  const Value* w = dequantize.input(0);
  const ElementType type = w->element();
  const bool served = is_byte(type) || type == ElementType::kU4 || type == ElementType::kI4 ||
                      type == ElementType::kU2 || type == ElementType::kI2;
  if (!served || !is_folded(dequantize.output()) || dequantize.output()->element() != ElementType::kF32) return false;
  if (w->shape().rank() != 2 || w->constant()->size() == 0 || dequantize.input(1)->element() != ElementType::kF32)
    return false;
  const Tensor& scale = *dequantize.input(1)->constant();
  std::int64_t axis = dequantize.attributes().get_int("axis");
  if (axis < 0) axis += 2;
  const std::int64_t columns = transpose_b ? 0 : 1;
  if (dequantize.attributes().get_int("block_size") != 0) return axis != columns && scale.rank() == 2;
  return scale.rank() <= 1 && (scale.size() == 1 || axis == columns);
}

void lower_weight_only(Lowering& lowering, const Unit& unit) {
  const QuantisedUnit& q = *unit.quantised;
  const Node& dequantize = *q.weights;
  const Tensor& w = *dequantize.input(0)->constant();
  const std::vector<float> scale = constant_f32(dequantize.input(1));
  const std::int64_t n = w.dim(q.transpose_b ? 0 : 1);
  const std::int64_t k = w.dim(q.transpose_b ? 1 : 0);
  const std::int64_t block = dequantize.attributes().get_int("block_size");
  const Codes codes(w);
  CodedWeights weights(n, k, codes.bits(), block != 0 ? std::min(block, k) : k);
  const std::int64_t blocks = weights.blocks();
  const Tensor* zeros = dequantize.input(2) != nullptr ? dequantize.input(2)->constant() : nullptr;
  const std::int64_t middle = Codes::is_signed(w.type()) ? 1 << (codes.bits() - 1) : 0;
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::int64_t at = scale.size() == 1 ? 0 : block == 0 ? j : q.transpose_b ? j * blocks + b : b * n + j;
      weights.set_block(j, b, scale[static_cast<std::size_t>(at)] * q.scales[0],
                        zeros != nullptr ? Codes(*zeros)[at] : middle);
    }
    for (std::int64_t i = 0; i < k; ++i) weights.set_code(j, i, codes[q.transpose_b ? j * k + i : i * n + j]);
  }
  emit(lowering, unit, q.operands[0], weights, q.offset, unit.activation);
}

std::vector<Rule> weight_only_rules() { return {{"com.microsoft.MatMulNBits", decline_nbits, lower_nbits}}; }

}  // namespace oriel::cpu
