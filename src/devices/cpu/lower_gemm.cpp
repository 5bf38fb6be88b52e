// MatMul and Gemm: constant right operands packed at compile, in f32 or rounded to bf16, others read as they lie; bias,
// residual and activation fused.
#include <algorithm>

#include "devices/cpu/movement.h"
#include "devices/cpu/narrow.h"
#include "kernels/conv/conv.h"
#include "kernels/gemm/gemm_any.h"
#include "kernels/gemm/gemm_f32.h"
#include "kernels/gemm/strassen.h"
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
  bool strassen = false;  // known once weights are settled
};

// The rows of a left operand that all runs have at least.
std::int64_t least_rows(const Value& a) {
  if (!a.shape().is_ranked() || a.shape().rank() < 2) return 1;
  double rows = 1.0;
  for (std::size_t i = 0; i + 1 < a.shape().rank(); ++i) rows *= static_cast<double>(a.shape()[i].min());
  return static_cast<std::int64_t>(std::min(rows, 1e9));
}

// Packed for Strassen's products.
WeightForm strassen_form(const Tensor& matrix, bool transposed, std::int64_t n, std::int64_t k) {
  WeightForm form;
  form.bytes = strassen_packed_bytes(n, k);
  form.units = strassen_pack_units(n, k);
  form.parameters = "gemm_f32_strassen";
  append_bytes(form.parameters, n);
  append_bytes(form.parameters, k);
  append_bytes(form.parameters, transposed);
  form.sources = {matrix};
  form.pack = [from = static_cast<const float*>(matrix.raw()), ldb = transposed ? k : n, transposed, n, k](
                  void* to, std::int64_t first, std::int64_t last) {
    strassen_pack(from, ldb, transposed, n, k, first, last, static_cast<float*>(to));
  };
  return form;
}

// Packs for products with `rows` rows at least: where few are possible, the plain form alone, which is fast for any.
std::shared_ptr<PackedB> pack(Lowering& lowering, const Tensor& b, bool transposed, std::int64_t rows) {
  const auto packed = std::make_shared<PackedB>();
  const std::int64_t height = b.dim(b.rank() - 2);
  const std::int64_t width = b.dim(b.rank() - 1);
  const std::int64_t k = packed->k = transposed ? width : height;
  const std::int64_t n = packed->n = transposed ? height : width;
  // A single column is no panel of pairs.
  if (lowering.bf16() && n > 1) {
    packed->arithmetic = GemmArithmetic::kBf16;
    packed->weights = lowering.weights().add(gemm_form_bf16(b, transposed));
    return packed;
  }
  std::vector<WeightForm> forms;
  forms.push_back(gemm_form(b, transposed));
  const CompileOptions& options = lowering.options();
  if (options.strassen && options.mode == CompileOptions::Mode::kPerformance && rows >= kStrassenRows &&
      strassen_serves(n, k)) {
    const double plain = gemm_f32_seconds(rows, n, k, lowering.threads());
    const double fast = strassen_seconds(rows, n, k, lowering.threads());
    if (fast < kWorthRounding * plain) {
      forms.back().seconds = plain;
      forms.push_back(strassen_form(b, transposed, n, k));
      forms.back().seconds = fast;
    }
  }
  packed->weights =
      lowering.weights().add(std::move(forms), [packed](std::size_t form) { packed->strassen = form == 1; });
  return packed;
}

// What explain says of a product with a packed operand.
void describe_packed(Lowering::StepSpec& spec, const std::shared_ptr<PackedB>& b) {
  if (b->arithmetic == GemmArithmetic::kBf16) spec.kernel = "gemm_bf16";
  spec.describe = [b](StepInfo& info) {
    info.algorithm = b->strassen ? "strassen" : "packed";
    info.packed_bytes = static_cast<std::int64_t>(b->weights->size());
    if (b->arithmetic == GemmArithmetic::kBf16) info.precision = "bf16";
  };
}

// A product, planned for the form of its right operand.
class PlannedProduct {
 public:
  explicit PlannedProduct(const GemmF32Problem& problem, bool strassen = false) : strassen_(strassen) {
    if (strassen_) {
      seven_ = strassen_plan(problem);
    } else {
      plain_ = gemm_f32_plan(problem);
    }
  }

  std::size_t scratch_bytes(int threads) const {
    return shared_bytes() + thread_bytes() * static_cast<std::size_t>(threads) + 64;
  }

  // The first `used` bytes of the run's scratch are the caller's.
  void run(const GemmF32Operands& operands, RunContext& context, std::size_t used = 0) const {
    const std::size_t begin = round_up(used);
    char* const shared = static_cast<char*>(context.scratch(begin + scratch_bytes(context.threads.threads()))) + begin;
    char* const own = shared + shared_bytes();
    for (int phase = 0; phase < (strassen_ ? seven_.phases : 1); ++phase) {
      parallel(context, strassen_ ? strassen_units(seven_, phase) : plain_.units, 1,
               [&](std::int64_t first, std::int64_t last, int slot) {
                 char* const scratch = own + static_cast<std::size_t>(slot) * thread_bytes();
                 if (strassen_) {
                   strassen_run(seven_, operands, phase, first, last, shared, scratch);
                 } else {
                   gemm_f32_run(plain_, operands, first, last, scratch);
                 }
               });
    }
  }

 private:
  std::size_t shared_bytes() const { return strassen_ ? round_up(seven_.shared_scratch_bytes) : 0; }
  std::size_t thread_bytes() const { return round_up(strassen_ ? seven_.thread_scratch_bytes : plain_.scratch_bytes); }

  bool strassen_;
  GemmF32Plan plain_;
  StrassenPlan seven_;
};

std::string decline_matmul(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  if (node.input(0)->element() != type || node.input(1)->element() != type) return "operands of different types";
  if (type != ElementType::kF32 && !has_gemm_any(type)) return formatted("no kernel for {}", element_name(type));
  return {};
}

// Rows of one unit of a product of other types than f32.
std::int64_t any_band(std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kProducts = 1 << 22;
  return std::clamp<std::int64_t>(kProducts / std::max<std::int64_t>(1, n * k) / 8 * 8, 8, 64);
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

// Whether a MatMul has a constant right operand that is one matrix, which is packed.
bool packs(const Node& node) {
  const Value* b = node.input(1);
  if (node.output()->element() != ElementType::kF32 || !is_folded(b)) return false;
  const Shape& shape = b->shape();
  if (!shape.is_ranked() || shape.rank() < 2) return false;
  const Dims dims = shape.to_dims();
  const std::int64_t size = count_elements(dims);
  return size > 0 && size == dims[dims.size() - 1] * dims[dims.size() - 2];
}

void lower_matmul(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const ElementType type = unit.output->element();
  const bool packable = packs(node);
  const Tensor* constant = packable ? lowering.folded(node.input(1)) : nullptr;
  const bool narrow_a = lowering.is_narrow(node.input(0)) && product_reads_narrow(lowering, unit, node.input(0), false);
  Lowering::StepSpec spec;
  // A packed operand is not read as it was.
  spec.inputs = {narrow_a ? lowering.narrow(node.input(0)) : lowering.plain(node.input(0)),
                 packable ? -1 : lowering.plain(node.input(1))};
  spec.kernel = "gemm_" + std::string(element_name(type));
  if (unit.residual != nullptr) {
    spec.inputs.push_back(lowering.plain(unit.residual));
  }
  const std::shared_ptr<PackedB> packed =
      packable ? pack(lowering, *constant, false, least_rows(*node.input(0))) : nullptr;
  const bool narrow_c =
      packable && packed->arithmetic == GemmArithmetic::kBf16 && is_read_narrow(lowering, unit.output, false);
  spec.outputs = {narrow_c ? lowering.narrow_output(unit.output) : lowering.plain_output(unit.output)};
  if (unit.residual != nullptr && !narrow_c) spec.in_place = {2};
  if (type != ElementType::kF32) {
    spec.run = [type](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
      const Product p(inputs[0].dims(), inputs[1].dims());
      Tensor& y = outputs.allocate(0, type, p.out);
      const auto size = static_cast<std::int64_t>(element_bytes(type, 1));
      const Dims steps_a = ops::broadcast_strides(p.batch_a, p.batch);
      const Dims steps_b = ops::broadcast_strides(p.batch_b, p.batch);
      // Units are bands of rows of one product of the batch.
      const std::int64_t band = any_band(p.n, p.k);
      const std::int64_t bands = (p.m + band - 1) / band;
      parallel(context, y.size() == 0 ? 0 : count_elements(p.batch) * bands, 1,
               [&](std::int64_t first, std::int64_t last, int) {
                 for (std::int64_t u = first; u < last; ++u) {
                   const std::int64_t o = u / bands;
                   const Dims index = ops::unravel(o, p.batch);
                   GemmAny g;
                   g.type = type;
                   g.m = p.m;
                   g.n = p.n;
                   g.k = p.k;
                   g.a = static_cast<const char*>(inputs[0].raw()) + ops::ravel(index, steps_a) * p.m * p.k * size;
                   g.lda = p.k;
                   g.b = static_cast<const char*>(inputs[1].raw()) + ops::ravel(index, steps_b) * p.k * p.n * size;
                   g.ldb = p.n;
                   g.c = static_cast<char*>(y.raw()) + o * p.m * p.n * size;
                   g.ldc = p.n;
                   gemm_any(g, u % bands * band, std::min(p.m, (u % bands + 1) * band));
                 }
               });
    };
    lowering.step(unit, std::move(spec));
    return;
  }
  const Activation activation = unit.activation;
  const std::vector<float> bias = unit.shift;
  const bool residual = unit.residual != nullptr;
  if (packable) {
    describe_packed(spec, packed);
    spec.run = [b = packed, bias, activation, residual, narrow_a, narrow_c, dims = constant->dims()](
                   const Inputs& inputs, OutputSink& outputs, RunContext& context) {
      const Product p(inputs[0].dims(), dims);
      const Tensor& a = inputs[0];
      const float* addend = residual ? inputs[2].data<float>() : nullptr;
      ORIEL_REQUIRE(!residual || inputs[2].dims() == p.out, "an addend of shape {}, expected {}",
                    to_string(inputs[2].dims()), to_string(p.out));
      Tensor& y = outputs.allocate(0, narrow_c ? ElementType::kBF16 : ElementType::kF32, p.out);
      GemmF32Problem problem;
      problem.narrow_c = narrow_c;
      problem.m = p.k > 0 ? a.size() / p.k : p.m;
      problem.n = b->n;
      problem.k = b->k;
      problem.arithmetic = b->arithmetic;
      problem.threads = context.threads.threads();
      GemmF32Operands o;
      if (narrow_a) {
        o.a_bf16 = static_cast<const std::uint16_t*>(a.raw());
      } else {
        o.a = a.data<float>();
      }
      o.lda = p.k;
      o.b = static_cast<const float*>(b->weights->data());
      if (narrow_c) {
        o.c_bf16 = static_cast<std::uint16_t*>(y.raw());
      } else {
        o.c = y.data<float>();
      }
      o.ldc = p.n;
      o.column_bias = bias.empty() ? nullptr : bias.data();
      o.residual = addend;
      o.residual_ld = p.n;
      o.activation = activation;
      PlannedProduct(problem, b->strassen).run(o, context);
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
      PlannedProduct(problem).run(o, context);
      return;
    }
    const PlannedProduct plan(problem);
    table = static_cast<std::size_t>(problem.batch) * 2 * sizeof(std::int64_t);
    // The largest request first: the tables lie at its beginning.
    auto* offsets =
        static_cast<std::int64_t*>(context.scratch(round_up(table) + plan.scratch_bytes(context.threads.threads())));
    ops::for_each_broadcast(p.batch_a, p.batch_b, p.batch, context,
                            [&](std::int64_t i, std::int64_t ia, std::int64_t ib) {
                              offsets[i] = ia * p.m * p.k;
                              offsets[problem.batch + i] = ib * p.k * p.n;
                            });
    o.a_offsets = offsets;
    o.b_offsets = offsets + problem.batch;
    plan.run(o, context, table);
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_gemm(const Node& node, const CompileOptions&) {
  const ElementType type = node.output()->element();
  if (type != ElementType::kF32 && !has_gemm_any(type)) return formatted("no kernel for {}", element_name(type));
  const float beta = node.attributes().get_float("beta");
  if (is_integer(type) && (node.attributes().get_float("alpha") != 1.0F || (beta != 1.0F && beta != 0.0F)))
    return "no kernel scales integers";
  return {};
}

void lower_gemm_any(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  GemmAny g;
  g.type = unit.output->element();
  g.transpose_a = node.attributes().get_int("transA") != 0;
  g.transpose_b = node.attributes().get_int("transB") != 0;
  g.alpha = node.attributes().get_float("alpha");
  g.beta = node.input(2) == nullptr ? 0.0 : node.attributes().get_float("beta");
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "gemm_" + std::string(element_name(g.type));
  spec.run = [layer = g](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& a = inputs[0];
    const Tensor& b = inputs[1];
    ORIEL_REQUIRE(a.rank() == 2 && b.rank() == 2, "operands of shapes {} and {}, expected matrices",
                  to_string(a.dims()), to_string(b.dims()));
    GemmAny g = layer;
    g.m = a.dim(g.transpose_a ? 1 : 0);
    g.k = a.dim(g.transpose_a ? 0 : 1);
    g.n = b.dim(g.transpose_b ? 0 : 1);
    ORIEL_REQUIRE(b.dim(g.transpose_b ? 1 : 0) == g.k, "operands of shapes {} and {}: {} columns against {} rows",
                  to_string(a.dims()), to_string(b.dims()), g.k, b.dim(g.transpose_b ? 1 : 0));
    g.a = a.raw();
    g.lda = a.dim(1);
    g.b = b.raw();
    g.ldb = b.dim(1);
    const Dims dims{g.m, g.n};
    Tensor& y = outputs.allocate(0, g.type, dims);
    g.c = y.raw();
    g.ldc = g.n;
    if (inputs.has(2)) ops::require_broadcasts_to(inputs[2].dims(), dims, "a bias");
    if (y.size() == 0) return;
    if (g.beta != 0.0) {
      const Tensor& c = inputs[2];
      const Dims from = ops::broadcast_strides(c.dims(), dims);
      Region region;
      region.add(g.m, from[0], g.n);
      region.add(g.n, from[1], 1);
      region.copy(context, fixed_bytes(g.type), c.raw(), y.raw());
    }
    parallel(context, g.m, any_band(g.n, g.k),
             [&](std::int64_t first, std::int64_t last, int) { gemm_any(g, first, last); });
  };
  lowering.step(unit, std::move(spec));
}

void lower_gemm(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  if (unit.output->element() != ElementType::kF32) return lower_gemm_any(lowering, unit);
  const Attributes& attributes = node.attributes();
  const bool ta = attributes.get_int("transA") != 0;
  const bool tb = attributes.get_int("transB") != 0;
  const float alpha = attributes.get_float("alpha");
  const float beta = attributes.get_float("beta");
  const Tensor* constant = lowering.folded(node.input(1));
  const bool packable = constant != nullptr && constant->rank() == 2 && constant->size() > 0;
  std::shared_ptr<PackedB> b;
  if (packable) b = pack(lowering, *constant, tb, ta ? 1 : least_rows(*node.input(0)));
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0)), packable ? -1 : lowering.plain(node.input(1)),
                 lowering.plain(node.input(2))};
  const bool residual = unit.residual != nullptr;
  if (residual) spec.inputs.push_back(lowering.plain(unit.residual));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "gemm_f32";
  spec.algorithm = "unpacked";
  if (packable) describe_packed(spec, b);
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
    const PlannedProduct plan(problem, b != nullptr && b->strassen);
    std::size_t used = 0;
    if (inputs.has(2) && beta != 0.0F && y.size() > 0) {
      const Tensor& c = inputs[2];
      const float* from = c.data<float>();
      const bool by_column = c.size() == 1 || (c.rank() > 0 && c.dims().back() == problem.n && c.size() == problem.n);
      const bool by_row = !by_column && c.size() == problem.m;
      if (by_column || by_row) {
        const std::int64_t count = by_column ? problem.n : problem.m;
        used = static_cast<std::size_t>(count) * sizeof(float);
        auto* scaled =
            static_cast<float*>(context.scratch(round_up(used) + plan.scratch_bytes(context.threads.threads())));
        for (std::int64_t i = 0; i < count; ++i) scaled[i] = beta * from[c.size() == 1 ? 0 : i];
        (by_column ? o.column_bias : o.row_bias) = scaled;
      } else {
        std::copy_n(from, c.size(), y.data<float>());
        o.beta = beta;
      }
    }
    plan.run(o, context, used);
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

// The left operand of a product in bf16.
bool product_reads_narrow(const Lowering& lowering, const Unit& unit, const Value* value, bool blocked) {
  const Node& node = *unit.node;
  if (blocked || !lowering.bf16() || !packs(node)) return false;
  const Shape& b = node.input(1)->shape();
  return b[b.rank() - 1].value() > 1 && node.input(0) == value && unit.residual != value;
}

std::vector<Rule> gemm_rules() {
  return {{"MatMul", decline_matmul, lower_matmul}, {"Gemm", decline_gemm, lower_gemm}};
}

}  // namespace oriel::cpu
