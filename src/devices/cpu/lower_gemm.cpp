// MatMul and Gemm: constant right operands packed at compile, others read as they lie; bias, residual and activation
// fused.
#include <algorithm>

#include "devices/cpu/lowering.h"
#include "kernels/gemm/gemm_any.h"
#include "kernels/gemm/gemm_f32.h"
#include "ops/broadcast_to.h"
#include "ops/common.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

// A right operand that is packed once.
struct PackedB {
  std::shared_ptr<const PackedWeights> weights;
  std::int64_t n = 0;
  std::int64_t k = 0;
  GemmArithmetic arithmetic = GemmArithmetic::kF32;
};

PackedB pack(Lowering& lowering, const Tensor& b, bool transposed) {
  PackedB packed;
  const std::int64_t rows = b.dim(b.rank() - 2);
  const std::int64_t columns = b.dim(b.rank() - 1);
  packed.k = transposed ? columns : rows;
  packed.n = transposed ? rows : columns;
  // A single column is no panel of pairs.
  const bool bf16 = lowering.bf16() && packed.n > 1;
  if (bf16) packed.arithmetic = GemmArithmetic::kBf16;
  packed.weights = lowering.weights().add(bf16 ? gemm_form_bf16(b, transposed) : gemm_form(b, transposed));
  return packed;
}

void name_arithmetic(Lowering::StepSpec& spec, GemmArithmetic arithmetic) {
  if (arithmetic != GemmArithmetic::kBf16) return;
  spec.kernel = "gemm_bf16";
  spec.describe = [](StepInfo& info) { info.precision = "bf16"; };
}

void run_plan(const GemmF32Plan& plan, const GemmF32Operands& operands, RunContext& context,
              std::size_t scratch_used = 0) {
  const std::size_t each = round_up(plan.scratch_bytes);
  char* scratch = static_cast<char*>(
      context.scratch(round_up(scratch_used) + each * static_cast<std::size_t>(context.threads.threads()) + 64));
  char* own = scratch + round_up(scratch_used);
  parallel(context, plan.units, 1, [&](std::int64_t first, std::int64_t last, int slot) {
    gemm_f32_run(plan, operands, first, last, own + static_cast<std::size_t>(slot) * each);
  });
}

std::string decline_matmul(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  if (node.input(0)->element() != type || node.input(1)->element() != type) return "operands of different types";
  if (type != ElementType::kF32 && !has_gemm_any(type)) return formatted("no kernel for {}", element_name(type));
  return {};
}

// Dimensions of a product, as MatMul defines them.
struct Product {
  Dims out;
  Dims batch_a;
  Dims batch_b;
  Dims batch;
  std::int64_t m = 0, n = 0, k = 0;

  Product(const Dims& a, const Dims& b) {
    ORIEL_REQUIRE(!a.empty() && !b.empty(), "operands of shapes {} and {}, expected rank 1 or more", to_string(a),
                  to_string(b));
    m = a.size() > 1 ? a[a.size() - 2] : 1;
    k = a.back();
    n = b.size() > 1 ? b.back() : 1;
    const std::int64_t rows = b.size() > 1 ? b[b.size() - 2] : b[0];
    ORIEL_REQUIRE(rows == k, "operands of shapes {} and {}: {} columns against {} rows", to_string(a), to_string(b), k,
                  rows);
    if (a.size() > 2) batch_a.assign(a.begin(), a.end() - 2);
    if (b.size() > 2) batch_b.assign(b.begin(), b.end() - 2);
    batch = broadcast(batch_a, batch_b);
    out = batch;
    if (a.size() > 1) out.push_back(m);
    if (b.size() > 1) out.push_back(n);
  }
};

void lower_matmul(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const ElementType type = unit.output->element();
  const Tensor* constant = lowering.folded(node.input(1));
  const bool packable = type == ElementType::kF32 && constant != nullptr && constant->rank() >= 2 &&
                        constant->size() > 0 &&
                        constant->size() == constant->dim(constant->rank() - 1) * constant->dim(constant->rank() - 2);
  Lowering::StepSpec spec;
  // A packed operand is not read as it was.
  spec.inputs = {lowering.plain(node.input(0)), packable ? -1 : lowering.plain(node.input(1))};
  spec.kernel = "gemm_" + std::string(element_name(type));
  if (unit.residual != nullptr) {
    spec.inputs.push_back(lowering.plain(unit.residual));
    spec.in_place = {2};
  }
  spec.outputs = {lowering.plain_output(unit.output)};
  if (type != ElementType::kF32) {
    spec.algorithm = "portable";
    spec.run = [type](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
      const Product p(inputs[0].dims(), inputs[1].dims());
      Tensor& y = outputs.allocate(0, type, p.out);
      const auto size = static_cast<std::int64_t>(element_bytes(type, 1));
      ops::for_each_broadcast(
          p.batch_a, p.batch_b, p.batch, context, [&](std::int64_t o, std::int64_t ia, std::int64_t ib) {
            GemmAny g;
            g.type = type;
            g.m = p.m;
            g.n = p.n;
            g.k = p.k;
            g.a = static_cast<const char*>(inputs[0].raw()) + ia * p.m * p.k * size;
            g.lda = p.k;
            g.b = static_cast<const char*>(inputs[1].raw()) + ib * p.k * p.n * size;
            g.ldb = p.n;
            g.c = static_cast<char*>(y.raw()) + o * p.m * p.n * size;
            g.ldc = p.n;
            parallel(context, p.m, 8, [&](std::int64_t first, std::int64_t last, int) { gemm_any(g, first, last); });
          });
    };
    lowering.step(unit, std::move(spec));
    return;
  }
  const Activation activation = unit.activation;
  const std::vector<float> bias = unit.shift;
  const bool residual = unit.residual != nullptr;
  if (packable) {
    const auto b = std::make_shared<PackedB>(pack(lowering, *constant, false));
    spec.algorithm = "packed";
    spec.packed_bytes = static_cast<std::int64_t>(b->weights->size());
    name_arithmetic(spec, b->arithmetic);
    spec.run = [b, bias, activation, residual, dims = constant->dims()](const Inputs& inputs, OutputSink& outputs,
                                                                        RunContext& context) {
      const Product p(inputs[0].dims(), dims);
      const Tensor& a = inputs[0];
      const float* addend = residual ? inputs[2].data<float>() : nullptr;
      ORIEL_REQUIRE(!residual || inputs[2].dims() == p.out, "an addend of shape {}, expected {}",
                    to_string(inputs[2].dims()), to_string(p.out));
      const float* from = a.data<float>();
      Tensor& y = outputs.allocate(0, ElementType::kF32, p.out);
      GemmF32Problem problem;
      problem.m = p.k > 0 ? a.size() / p.k : p.m;
      problem.n = b->n;
      problem.k = b->k;
      problem.arithmetic = b->arithmetic;
      problem.threads = context.threads.threads();
      GemmF32Operands o;
      o.a = from;
      o.lda = p.k;
      o.b = static_cast<const float*>(b->weights->data());
      o.c = y.data<float>();
      o.ldc = p.n;
      o.column_bias = bias.empty() ? nullptr : bias.data();
      o.residual = addend;
      o.residual_ld = p.n;
      o.activation = activation;
      run_plan(gemm_f32_plan(problem), o, context);
    };
    lowering.step(unit, std::move(spec));
    return;
  }
  spec.algorithm = "unpacked";
  spec.run = [bias, activation, residual](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Product p(inputs[0].dims(), inputs[1].dims());
    const float* addend = residual ? inputs[2].data<float>() : nullptr;
    ORIEL_REQUIRE(!residual || inputs[2].dims() == p.out, "an addend of shape {}, expected {}",
                  to_string(inputs[2].dims()), to_string(p.out));
    const float* a = inputs[0].data<float>();
    const float* b = inputs[1].data<float>();
    Tensor& y = outputs.allocate(0, ElementType::kF32, p.out);
    GemmF32Problem problem;
    problem.m = p.m;
    problem.n = p.n;
    problem.k = p.k;
    problem.batch = count_elements(p.batch);
    problem.packed_b = false;
    problem.threads = context.threads.threads();
    GemmF32Operands o;
    o.a = a;
    o.lda = p.k;
    o.b = b;
    o.ldb = p.n;
    o.c = y.data<float>();
    o.ldc = p.n;
    o.c_stride = p.m * p.n;
    o.column_bias = bias.empty() ? nullptr : bias.data();
    o.residual = addend;
    o.residual_ld = p.n;
    o.activation = activation;
    const std::int64_t batches_a = count_elements(p.batch_a);
    const std::int64_t batches_b = count_elements(p.batch_b);
    std::size_t table = 0;
    if ((batches_a == problem.batch || batches_a == 1) && (batches_b == problem.batch || batches_b == 1)) {
      o.a_stride = batches_a == 1 ? 0 : p.m * p.k;
      o.b_stride = batches_b == 1 ? 0 : p.k * p.n;
      // One right operand for all: the batch is more rows.
      if (batches_b == 1 && batches_a > 1) {
        problem.m *= problem.batch;
        problem.batch = 1;
      }
      run_plan(gemm_f32_plan(problem), o, context);
      return;
    }
    const GemmF32Plan plan = gemm_f32_plan(problem);
    table = static_cast<std::size_t>(problem.batch) * 2 * sizeof(std::int64_t);
    // The largest request first: the tables lie at its beginning.
    auto* offsets = static_cast<std::int64_t*>(context.scratch(
        round_up(table) + round_up(plan.scratch_bytes) * static_cast<std::size_t>(context.threads.threads()) + 64));
    ops::for_each_broadcast(p.batch_a, p.batch_b, p.batch, context,
                            [&](std::int64_t i, std::int64_t ia, std::int64_t ib) {
                              offsets[i] = ia * p.m * p.k;
                              offsets[problem.batch + i] = ib * p.k * p.n;
                            });
    o.a_offsets = offsets;
    o.b_offsets = offsets + problem.batch;
    run_plan(plan, o, context, table);
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_gemm(const Node& node, const CompileOptions&) {
  if (node.output()->element() != ElementType::kF32)
    return formatted("no kernel for {}", element_name(node.output()->element()));
  return {};
}

void lower_gemm(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Attributes& attributes = node.attributes();
  const bool ta = attributes.get_int("transA") != 0;
  const bool tb = attributes.get_int("transB") != 0;
  const float alpha = attributes.get_float("alpha");
  const float beta = attributes.get_float("beta");
  const Tensor* constant = lowering.folded(node.input(1));
  const bool packable = constant != nullptr && constant->rank() == 2 && constant->size() > 0;
  std::shared_ptr<PackedB> b;
  if (packable) b = std::make_shared<PackedB>(pack(lowering, *constant, tb));
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0)), packable ? -1 : lowering.plain(node.input(1)),
                 lowering.plain(node.input(2))};
  const bool residual = unit.residual != nullptr;
  if (residual) spec.inputs.push_back(lowering.plain(unit.residual));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "gemm_f32";
  spec.algorithm = packable ? "packed" : "unpacked";
  spec.packed_bytes = packable ? static_cast<std::int64_t>(b->weights->size()) : 0;
  if (packable) name_arithmetic(spec, b->arithmetic);
  const Activation activation = unit.activation;
  spec.run = [b, ta, tb, alpha, beta, activation, residual, packed_dims = packable ? constant->dims() : Dims()](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& a = inputs[0];
    const Dims& w = b != nullptr ? packed_dims : inputs[1].dims();
    ORIEL_REQUIRE(a.rank() == 2 && w.size() == 2, "operands of shapes {} and {}, expected matrices",
                  to_string(a.dims()), to_string(w));
    GemmF32Problem problem;
    problem.m = a.dim(ta ? 1 : 0);
    problem.k = a.dim(ta ? 0 : 1);
    problem.n = w[tb ? 0 : 1];
    ORIEL_REQUIRE(w[tb ? 1 : 0] == problem.k, "operands of shapes {} and {}: {} columns against {} rows",
                  to_string(a.dims()), to_string(w), problem.k, w[tb ? 1 : 0]);
    problem.transpose_a = ta;
    problem.packed_b = b != nullptr;
    if (b != nullptr) problem.arithmetic = b->arithmetic;
    problem.transpose_b = tb && b == nullptr;
    problem.threads = context.threads.threads();
    const Dims dims{problem.m, problem.n};
    if (inputs.has(2)) ops::require_broadcasts_to(inputs[2].dims(), dims, "a bias");
    Tensor& y = outputs.allocate(0, ElementType::kF32, dims);
    GemmF32Operands o;
    o.a = a.data<float>();
    o.lda = a.dim(1);
    o.b = b != nullptr ? static_cast<const float*>(b->weights->data()) : inputs[1].data<float>();
    o.ldb = w[1];
    o.c = y.data<float>();
    o.ldc = problem.n;
    o.alpha = alpha;
    o.activation = activation;
    if (residual) {
      ORIEL_REQUIRE(inputs[3].dims() == dims, "an addend of shape {}, expected {}", to_string(inputs[3].dims()),
                    to_string(dims));
      o.residual = inputs[3].data<float>();
      o.residual_ld = problem.n;
    }
    const GemmF32Plan plan = gemm_f32_plan(problem);
    std::size_t used = 0;
    if (inputs.has(2) && beta != 0.0F && y.size() > 0) {
      const Tensor& c = inputs[2];
      const float* from = c.data<float>();
      const bool by_column = c.size() == 1 || (c.rank() > 0 && c.dims().back() == problem.n && c.size() == problem.n);
      const bool by_row = !by_column && c.size() == problem.m;
      if (by_column || by_row) {
        const std::int64_t count = by_column ? problem.n : problem.m;
        used = static_cast<std::size_t>(count) * sizeof(float);
        auto* scaled = static_cast<float*>(context.scratch(
            round_up(used) + round_up(plan.scratch_bytes) * static_cast<std::size_t>(context.threads.threads()) + 64));
        for (std::int64_t i = 0; i < count; ++i) scaled[i] = beta * from[c.size() == 1 ? 0 : i];
        (by_column ? o.column_bias : o.row_bias) = scaled;
      } else {
        std::copy_n(from, c.size(), y.data<float>());
        o.beta = beta;
      }
    }
    run_plan(plan, o, context, used);
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> gemm_rules() {
  return {{"MatMul", decline_matmul, lower_matmul}, {"Gemm", decline_gemm, lower_gemm}};
}

}  // namespace oriel::cpu
