// Products of 8-bit integer matrices: MatMulInteger, QLinearMatMul and QGemm, and those of quantised patterns. Constant
// right operands are packed.
#include <algorithm>
#include <cmath>

#include "devices/cpu/quantised.h"
#include "kernels/gemm/gemm_i8.h"
#include "ops/broadcast_to.h"
#include "ops/integer_matmul.h"

namespace oriel::cpu {
namespace {

using namespace kernels;
using ops::LineMap;
using ops::MatMulDims;

constexpr std::int64_t kFinishGrain = 16384;

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

struct PackedBytes {
  std::shared_ptr<const PackedWeights> weights;
  std::int64_t n = 0;
  std::int64_t k = 0;
  ElementType type = ElementType::kI8;
};

// The right operand where it is one constant matrix, else null.
std::shared_ptr<PackedBytes> pack(Lowering& lowering, const Value* value, bool transposed) {
  const Tensor* b = value->constant();
  if (b == nullptr || b->rank() != 2 || b->size() == 0) return nullptr;
  auto packed = std::make_shared<PackedBytes>();
  packed->type = b->type();
  packed->k = b->dim(transposed ? 1 : 0);
  packed->n = b->dim(transposed ? 0 : 1);
  WeightForm form;
  form.bytes = gemm_i8_packed_bytes(packed->n, packed->k);
  form.units = gemm_i8_panels(packed->n);
  form.parameters = "gemm_i8";
  append_bytes(form.parameters, packed->n);
  append_bytes(form.parameters, packed->k);
  append_bytes(form.parameters, transposed);
  append_bytes(form.parameters, b->type());
  form.sources = {*b};
  form.pack = [from = b->raw(), columns = b->dim(1), transposed, is_signed = b->type() == ElementType::kI8,
               n = packed->n, k = packed->k](void* to, std::int64_t first, std::int64_t last) {
    gemm_i8_pack(from, columns, transposed, is_signed, n, k, first, last, to);
  };
  packed->weights = lowering.weights().add(std::move(form));
  return packed;
}

/// Hands out pieces of one scratch allocation.
class Pieces {
 public:
  /// The bytes that `count` elements of T take.
  template <typename T>
  static std::size_t bytes(std::int64_t count) {
    return round_up(static_cast<std::size_t>(count) * sizeof(T));
  }
  explicit Pieces(void* memory) : at_(static_cast<char*>(memory)) {}
  template <typename T>
  T* take(std::int64_t count) {
    auto* piece = reinterpret_cast<T*>(at_);
    at_ += bytes<T>(count);
    return piece;
  }

 private:
  char* at_;
};

// What a product does with its sums.
struct Finish {
  ElementType type = ElementType::kI32;  // i32: the sums themselves; f32; u8; i8
  const Tensor* a_zero = nullptr;
  const Tensor* b_zero = nullptr;
  const Tensor* a_scale = nullptr;  // null for sums
  const Tensor* b_scale = nullptr;
  const Tensor* bias = nullptr;  // i32, broadcasts to the product
  float alpha = 1.0F;
  bool quantised = false;
  float y_scale = 1.0F;
  std::int32_t y_zero = 0;
};

std::int32_t integer_at(const Tensor& t, std::int64_t i) { return static_cast<std::int32_t>(element_as_i64(t, i)); }
float real_at(const Tensor& t, std::int64_t i) { return static_cast<float>(element_as_f64(t, i)); }

/// The factor of an element whose operands have these scales, as the references compute it.
float factor_of(const Finish& f, float a, float b) {
  const float product = f.alpha * a * b;
  return f.quantised ? product / f.y_scale : product;
}

/// y = finish(a * b); b has its dimensions as if it were not transposed.
void run_product(const std::shared_ptr<PackedBytes>& packed, const Tensor& a, const Tensor& b, bool transpose_b,
                 const MatMulDims& d, const Finish& f, OutputSink& outputs, RunContext& context) {
  const std::int64_t batches_a = count_elements(d.batch_a);
  const std::int64_t batches_b = count_elements(d.batch_b);
  const std::int64_t batches = count_elements(d.batch);
  Tensor& y = outputs.allocate(0, f.type, d.out);
  if (y.size() == 0) return;
  // One right operand for all: the matrices of the batch are more rows.
  const bool one_b = batches_b == 1 && batches_a == batches;
  const std::int64_t rows = one_b ? d.m * batches : d.m;
  const std::int64_t products = one_b ? 1 : batches;
  const LineMap a_zero_of(a.dims(), f.a_zero != nullptr ? f.a_zero->dims() : Dims(), LineMap::Side::kLeft);
  const LineMap b_zero_of(b.dims(), f.b_zero != nullptr ? f.b_zero->dims() : Dims(), LineMap::Side::kRight);
  const bool scaled = f.a_scale != nullptr;
  const LineMap a_scale_of(a.dims(), scaled ? f.a_scale->dims() : Dims(), LineMap::Side::kLeft);
  const LineMap b_scale_of(b.dims(), scaled ? f.b_scale->dims() : Dims(), LineMap::Side::kRight);
  const bool column_bias =
      f.bias != nullptr &&
      (f.bias->size() == 1 || (f.bias->size() == d.n && f.bias->rank() > 0 && f.bias->dims().back() == d.n));
  // The kernel finishes with one factor a column; others go through sums.
  const bool direct = !scaled || (f.a_scale->size() == 1 && (f.bias == nullptr || column_bias));
  const bool through_sums = scaled && !direct;

  GemmI8Problem problem;
  problem.m = rows;
  problem.n = d.n;
  problem.k = d.k;
  problem.a_signed = a.type() == ElementType::kI8;
  problem.b_signed = b.type() == ElementType::kI8;
  if (f.b_zero != nullptr) {
    for (std::int64_t i = 0; i < f.b_zero->size() && !problem.b_zero; ++i)
      problem.b_zero = integer_at(*f.b_zero, i) != 0;
  }
  problem.output = !scaled || through_sums       ? GemmI8Output::kI32
                   : f.type == ElementType::kF32 ? GemmI8Output::kF32
                   : f.type == ElementType::kU8  ? GemmI8Output::kU8
                                                 : GemmI8Output::kS8;
  problem.packed_b = packed != nullptr;
  problem.transpose_b = packed == nullptr && transpose_b;
  problem.threads = context.threads.threads();
  const GemmI8Plan plan = gemm_i8_plan(problem);
  const std::size_t each = round_up(plan.scratch_bytes);
  const std::int64_t sums = through_sums ? rows * d.n : 0;
  const std::size_t bytes = Pieces::bytes<std::int32_t>(rows) + 2 * Pieces::bytes<std::int32_t>(d.n) +
                            Pieces::bytes<float>(d.n) + Pieces::bytes<std::int32_t>(sums) +
                            2 * Pieces::bytes<std::int64_t>(batches);
  Pieces pieces(context.scratch(bytes + each * static_cast<std::size_t>(problem.threads) + 64));
  auto* a_zeros = pieces.take<std::int32_t>(rows);
  auto* b_zeros = pieces.take<std::int32_t>(d.n);
  auto* biases = pieces.take<std::int32_t>(d.n);
  auto* factors = pieces.take<float>(d.n);
  auto* sum = pieces.take<std::int32_t>(sums);
  auto* batch_a = pieces.take<std::int64_t>(batches);
  auto* batch_b = pieces.take<std::int64_t>(batches);
  char* own = pieces.take<char>(0);
  ops::for_each_broadcast(d.batch_a, d.batch_b, d.batch, context,
                          [&](std::int64_t o, std::int64_t ia, std::int64_t ib) {
                            batch_a[o] = ia;
                            batch_b[o] = ib;
                          });
  if (f.bias != nullptr && column_bias) {
    for (std::int64_t j = 0; j < d.n; ++j) biases[j] = integer_at(*f.bias, f.bias->size() == 1 ? 0 : j);
  }
  const std::size_t element = element_bytes(f.type, 1);
  for (std::int64_t p = 0; p < products; ++p) {
    const std::int64_t ia = one_b ? 0 : batch_a[p];
    const std::int64_t ib = one_b ? 0 : batch_b[p];
    GemmI8Operands o;
    o.a = static_cast<const char*>(a.raw()) + ia * d.m * d.k;
    o.lda = d.k;
    o.b = packed != nullptr ? packed->weights->data() : static_cast<const char*>(b.raw()) + ib * d.k * d.n;
    o.ldb = transpose_b ? d.k : d.n;
    void* to = static_cast<char*>(y.raw()) + static_cast<std::size_t>(p * rows * d.n) * element;
    o.c = through_sums ? sum : to;
    o.ldc = d.n;
    if (f.a_zero != nullptr) {
      for (std::int64_t i = 0; i < rows; ++i)
        a_zeros[i] = integer_at(*f.a_zero, a_zero_of(one_b ? batch_a[i / d.m] : ia, i % d.m));
      o.a_zero = a_zeros;
      o.a_zero_per_row = true;
    }
    if (problem.b_zero) {
      for (std::int64_t j = 0; j < d.n; ++j) b_zeros[j] = integer_at(*f.b_zero, b_zero_of(ib, j));
      o.b_zero = b_zeros;
      o.b_zero_per_column = true;
    }
    if (f.bias != nullptr && column_bias) o.bias = biases;
    if (scaled && !through_sums) {
      for (std::int64_t j = 0; j < d.n; ++j) {
        const float b_scale = real_at(*f.b_scale, b_scale_of(ib, j));
        factors[j] = factor_of(f, real_at(*f.a_scale, 0), b_scale);
      }
      o.b_scale = factors;
      o.b_scale_per_column = true;
      o.output_zero = f.y_zero;
    }
    parallel(context, plan.units, 1, [&](std::int64_t first, std::int64_t last, int slot) {
      gemm_i8_run(plan, o, first, last, own + static_cast<std::size_t>(slot) * each);
    });
    context.check();
    if (!through_sums) continue;
    const ops::QuantRange range = f.quantised ? ops::quant_range(f.type) : ops::QuantRange{0, 0};
    Dims bias_dims = f.bias != nullptr ? f.bias->dims() : Dims{};
    const std::int64_t bias_rows = bias_dims.size() > 1 ? bias_dims[bias_dims.size() - 2] : 1;
    const std::int64_t bias_columns = bias_dims.empty() ? 1 : bias_dims.back();
    parallel(context, rows, std::max<std::int64_t>(1, kFinishGrain / d.n),
             [&](std::int64_t first, std::int64_t last, int) {
               for (std::int64_t i = first; i < last; ++i) {
                 const float a_scale = real_at(*f.a_scale, a_scale_of(one_b ? batch_a[i / d.m] : ia, i % d.m));
                 for (std::int64_t j = 0; j < d.n; ++j) {
                   std::int64_t total = sum[i * d.n + j];
                   if (f.bias != nullptr && !column_bias) {
                     total = ops::wrap_i32(total + integer_at(*f.bias, (bias_rows == 1 ? 0 : i % d.m) * bias_columns +
                                                                           (bias_columns == 1 ? 0 : j)));
                   }
                   const float value =
                       static_cast<float>(total) * factor_of(f, a_scale, real_at(*f.b_scale, b_scale_of(ib, j)));
                   if (f.quantised) {
                     static_cast<std::uint8_t*>(to)[i * d.n + j] =
                         static_cast<std::uint8_t>(ops::quantize(value, f.y_zero, range));
                   } else {
                     static_cast<float*>(to)[i * d.n + j] = value;
                   }
                 }
               }
             });
  }
}

Lowering::StepSpec spec_of(Lowering& lowering, const Unit& unit, const std::shared_ptr<PackedBytes>& packed,
                           std::size_t operands) {
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < operands; ++i) spec.inputs.push_back(lowering.plain(unit.node->input(i)));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "gemm_i8";
  spec.algorithm = packed != nullptr ? "packed" : "unpacked";
  spec.packed_bytes = packed != nullptr ? static_cast<std::int64_t>(packed->weights->size()) : 0;
  return spec;
}

std::string accept(const Node&, const CompileOptions&) { return {}; }

void lower_integer(Lowering& lowering, const Unit& unit) {
  const std::shared_ptr<PackedBytes> packed = pack(lowering, unit.node->input(1), false);
  Lowering::StepSpec spec = spec_of(lowering, unit, packed, 4);
  spec.run = [packed](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    Finish f;
    if (inputs.has(2)) f.a_zero = &inputs[2];
    if (inputs.has(3)) f.b_zero = &inputs[3];
    const MatMulDims d(inputs[0].dims(), inputs[1].dims());
    run_product(packed, inputs[0], inputs[1], false, d, f, outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_qlinear(const Node& node, const CompileOptions&) {
  for (const std::size_t i : {0, 3, 7}) {
    if (!is_byte(node.input(i)->element()))
      return formatted("no kernel for {}", element_name(node.input(i)->element()));
  }
  return {};
}

void lower_qlinear(Lowering& lowering, const Unit& unit) {
  const std::shared_ptr<PackedBytes> packed = pack(lowering, unit.node->input(3), false);
  Lowering::StepSpec spec = spec_of(lowering, unit, packed, 8);
  spec.run = [packed](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    Finish f;
    f.type = inputs[7].type();
    f.a_scale = &inputs[1];
    f.a_zero = &inputs[2];
    f.b_scale = &inputs[4];
    f.b_zero = &inputs[5];
    f.quantised = true;
    f.y_scale = ops::single_f32(inputs, 6);
    f.y_zero = static_cast<std::int32_t>(ops::single_zero_point(inputs, 7));
    const MatMulDims d(inputs[0].dims(), inputs[3].dims());
    run_product(packed, inputs[0], inputs[3], false, d, f, outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_gemm(const Node& node, const CompileOptions&) {
  if (node.attributes().get_int("transA") != 0) return "a transposed left operand";
  return {};
}

void lower_gemm(Lowering& lowering, const Unit& unit) {
  const bool transposed = unit.node->attributes().get_int("transB") != 0;
  const float alpha = unit.node->attributes().get_float("alpha");
  const std::shared_ptr<PackedBytes> packed = pack(lowering, unit.node->input(3), transposed);
  Lowering::StepSpec spec = spec_of(lowering, unit, packed, 9);
  const ElementType type = unit.output->element();
  spec.run = [packed, transposed, alpha, type](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& b = inputs[3];
    ORIEL_REQUIRE(inputs[0].rank() == 2 && b.rank() == 2, "operands of shapes {} and {}, expected rank 2",
                  to_string(inputs[0].dims()), to_string(b.dims()));
    Finish f;
    f.type = type;
    f.a_scale = &inputs[1];
    f.a_zero = &inputs[2];
    f.b_scale = &inputs[4];
    f.b_zero = &inputs[5];
    ops::single_f32(inputs, 1);
    ops::single_zero_point(inputs, 2);
    if (inputs.has(6)) f.bias = &inputs[6];
    f.alpha = alpha;
    f.quantised = inputs.has(7);
    if (f.quantised) {
      f.y_scale = ops::single_f32(inputs, 7);
      f.y_zero = static_cast<std::int32_t>(ops::single_zero_point(inputs, 8));
    }
    const Tensor shaped = transposed ? b.reshaped({b.dim(1), b.dim(0)}) : b;
    const MatMulDims d(inputs[0].dims(), shaped.dims());
    if (f.bias != nullptr) ops::require_broadcasts_to(f.bias->dims(), d.out, "a bias");
    run_product(packed, inputs[0], shaped, transposed, d, f, outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

// A product of a quantised pattern, whose parameters are constants but for those of a in dynamic quantisation.
struct UnitProduct {
  std::shared_ptr<PackedBytes> packed;
  Dims b_dims;  // of a packed b
  bool transpose_b = false;
  ElementType type = ElementType::kF32;
  std::int32_t a_zero = 0;
  std::vector<std::int32_t> b_zeros;
  bool b_zero = false;
  std::vector<float> scales;  // one, or one a column
  std::vector<float> bias;
  Activation activation;  // of f32 results
  std::int32_t y_zero = 0;
  std::int32_t low = INT32_MIN;
  std::int32_t high = INT32_MAX;
  bool run_time_scale = false;  // operands 2 and 3 are scale and zero point of a
  bool run_time_zero = false;

  GemmI8Output output() const {
    return type == ElementType::kF32  ? GemmI8Output::kF32
           : type == ElementType::kU8 ? GemmI8Output::kU8
                                      : GemmI8Output::kS8;
  }
};

Dims transposed_last(Dims dims) {
  if (dims.size() > 1) std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
  return dims;
}

void run_unit_product(const UnitProduct& u, const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  const Tensor* b = u.packed != nullptr ? nullptr : &inputs[1];
  const MatMulDims d(a.dims(), b == nullptr ? u.b_dims : u.transpose_b ? transposed_last(b->dims()) : b->dims());
  std::int32_t a_zero = u.a_zero;
  if (u.run_time_zero) a_zero = integer_at(inputs[3], 0);
  const float* a_scale = u.run_time_scale ? inputs[2].data<float>() : nullptr;
  Tensor& y = outputs.allocate(0, u.type, d.out);
  if (y.size() == 0) return;
  const std::int64_t batches_a = count_elements(d.batch_a);
  const std::int64_t batches_b = count_elements(d.batch_b);
  const std::int64_t batches = count_elements(d.batch);
  // One right operand for all: the matrices of the batch are more rows.
  const bool one_b = batches_b == 1 && batches_a == batches;
  const bool strided = (batches_a == 1 || batches_a == batches) && (batches_b == 1 || batches_b == batches);
  GemmI8Problem problem;
  problem.m = one_b ? d.m * batches : d.m;
  problem.n = d.n;
  problem.k = d.k;
  problem.batch = one_b || !strided ? 1 : batches;
  problem.a_signed = a.type() == ElementType::kI8;
  problem.b_signed = (b == nullptr ? u.packed->type : b->type()) == ElementType::kI8;
  problem.b_zero = u.b_zero;
  problem.output = u.output();
  problem.packed_b = b == nullptr;
  problem.transpose_b = b != nullptr && u.transpose_b;
  problem.threads = context.threads.threads();
  const GemmI8Plan plan = gemm_i8_plan(problem);
  const std::size_t each = round_up(plan.scratch_bytes);
  char* own = static_cast<char*>(context.scratch(each * static_cast<std::size_t>(problem.threads) + 64));
  GemmI8Operands o;
  o.a = a.raw();
  o.lda = d.k;
  o.a_stride = batches_a == 1 ? 0 : d.m * d.k;
  o.b = b == nullptr ? u.packed->weights->data() : b->raw();
  o.ldb = u.transpose_b ? d.k : d.n;
  o.b_stride = batches_b == 1 ? 0 : d.k * d.n;
  o.c = y.raw();
  o.ldc = d.n;
  o.c_stride = d.m * d.n;
  o.a_zero = &a_zero;
  if (u.b_zero) {
    o.b_zero = u.b_zeros.data();
    o.b_zero_per_column = u.b_zeros.size() > 1;
  }
  o.a_scale = a_scale;
  o.b_scale = u.scales.data();
  o.b_scale_per_column = u.scales.size() > 1;
  o.float_bias = u.bias.empty() ? nullptr : u.bias.data();
  o.activation = u.activation;
  o.output_zero = u.y_zero;
  o.output_low = u.low;
  o.output_high = u.high;
  const auto run = [&](const GemmI8Operands& operands) {
    parallel(context, plan.units, 1, [&](std::int64_t first, std::int64_t last, int slot) {
      gemm_i8_run(plan, operands, first, last, own + static_cast<std::size_t>(slot) * each);
    });
  };
  if (strided) return run(o);
  const auto size = static_cast<std::int64_t>(element_bytes(u.type, 1));
  ops::for_each_broadcast(d.batch_a, d.batch_b, d.batch, context,
                          [&](std::int64_t at, std::int64_t ia, std::int64_t ib) {
                            GemmI8Operands one = o;
                            one.a = static_cast<const char*>(a.raw()) + ia * d.m * d.k;
                            if (b != nullptr) one.b = static_cast<const char*>(b->raw()) + ib * d.k * d.n;
                            one.c = static_cast<char*>(y.raw()) + at * d.m * d.n * size;
                            run(one);
                          });
}

}  // namespace

void lower_quantised_product(Lowering& lowering, const Unit& unit) {
  const QuantisedUnit& q = *unit.quantised;
  const bool run_time = q.kind == QuantisedUnit::Kind::kDynamic;
  const Value* b = q.operands[1];
  auto u = std::make_shared<UnitProduct>();
  u->transpose_b = q.transpose_b;
  u->type = unit.output->element();
  u->b_zeros = q.weight_zeros;
  u->b_zero = std::any_of(u->b_zeros.begin(), u->b_zeros.end(), [](std::int32_t zero) { return zero != 0; });
  u->packed = pack(lowering, b, q.transpose_b);
  if (u->packed != nullptr) u->b_dims = {u->packed->k, u->packed->n};
  const bool bytes = u->type != ElementType::kF32;
  const float y_scale = bytes ? q.scales.back() : 1.0F;
  for (const float w : q.weight_scales) u->scales.push_back((run_time ? 1.0F : q.scales[0]) * w / y_scale);
  for (const float v : q.offset) u->bias.push_back(v / y_scale);
  if (bytes) {
    u->y_zero = q.zeros.back();
    // A clamp of the reals is one of the bytes, since rounding keeps their order.
    const auto limit = [&](float v) {
      return static_cast<std::int32_t>(std::nearbyint(std::clamp(v / y_scale, -1024.0F, 1024.0F))) + u->y_zero;
    };
    if (unit.activation.kind == ActivationKind::kRelu) u->low = limit(0.0F);
    if (unit.activation.kind == ActivationKind::kClip) {
      u->high = limit(unit.activation.b);
      u->low = std::min(limit(unit.activation.a), u->high);
    }
  } else {
    u->activation = unit.activation;
  }
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(q.operands[0]), u->packed != nullptr ? -1 : lowering.plain(b)};
  if (run_time) {
    u->run_time_scale = q.operands[2] != nullptr;
    u->run_time_zero = q.operands[3] != nullptr;
    for (std::size_t i = 2; i < 4; ++i) spec.inputs.push_back(lowering.plain(q.operands[i]));
  } else {
    u->a_zero = q.zeros[0];
  }
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "gemm_i8";
  spec.algorithm = u->packed != nullptr ? "packed" : "unpacked";
  spec.packed_bytes = u->packed != nullptr ? static_cast<std::int64_t>(u->packed->weights->size()) : 0;
  spec.run = [u](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    run_unit_product(*u, inputs, outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

std::vector<Rule> quant_matmul_rules() {
  return {{"MatMulInteger", accept, lower_integer},
          {"QLinearMatMul", decline_qlinear, lower_qlinear},
          {"com.microsoft.QGemm", decline_gemm, lower_gemm}};
}

}  // namespace oriel::cpu
