// Matrix products in f32 with B packed once or read at run time, batched, with a fused epilogue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_features.h"
#include "kernels/activation.h"

namespace oriel::kernels {

/// How products are computed. kBf16 rounds A and B to bfloat16 (to nearest even, subnormals to zero) and sums their
/// exact products in f32: operands and results are f32 arrays unless said otherwise. Where the level lacks it, kBf16 is
/// computed as kF32.
enum class GemmArithmetic : std::uint8_t { kF32, kBf16 };

/// The shape of C[m, n] = op(A)[m, k] * op(B)[k, n], `batch` times. All extents may be zero; k = 0 gives the epilogue
/// of 0.
struct GemmF32Problem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t batch = 1;
  bool transpose_a = false;  ///< A is stored [k][lda] instead of [m][lda]
  bool packed_b = true;      ///< B is what gemm_f32_pack left; otherwise a matrix that run() reads as it is
  bool transpose_b = false;  ///< an unpacked B is stored [n][ldb] instead of [k][ldb]
  int threads = 1;           ///< how many threads will share the units: sets their size
  GemmArithmetic arithmetic = GemmArithmetic::kF32;
  /// C is written as bf16, to GemmF32Operands::c_bf16: where the arithmetic is bf16, n > 1. A GELU is then within 7e-5
  /// of its value before it is rounded.
  bool narrow_c = false;
};

/// How a problem will be computed: a deterministic function of problem, level and cache sizes. Plain data, cheap to
/// make again when m or batch change; the packed form of B does not depend on them, nor on the number of threads.
struct GemmF32Plan {
  GemmF32Problem problem;
  Isa isa = Isa::kScalar;
  std::int64_t units = 0;         ///< independent pieces of work; 0 where there is nothing to compute
  std::size_t scratch_bytes = 0;  ///< per thread, 64-byte aligned
  std::int64_t rows_per_unit = 0;
  std::int64_t panels_per_unit = 0;
  std::int64_t row_units = 0;
  std::int64_t panel_units = 0;
  std::int64_t k_block = 0;  ///< products per pass over C
  int panels_at_once = 1;    ///< panels a tile spans
  bool pack_a = false;       ///< whether rows of A are copied to scratch first
  bool prefetch = false;
  bool dot = false;       ///< n = 1: row by row
  bool few_rows = false;  ///< an unpacked B read once, without packing
};

GemmF32Plan gemm_f32_plan(const GemmF32Problem& problem, Isa isa = max_isa());

/// Bytes that gemm_f32_pack writes for one B of k x n: panels of all columns, whose form depends on level and
/// arithmetic.
std::size_t gemm_f32_packed_bytes(std::int64_t n, std::int64_t k, Isa isa = max_isa(),
                                  GemmArithmetic arithmetic = GemmArithmetic::kF32);

/// Panels of one packed B; gemm_f32_pack may fill ranges of them in any order, from several threads.
std::int64_t gemm_f32_panels(std::int64_t n, Isa isa = max_isa());

/// Packs panels [first, last) of B, stored [k][ldb], or [n][ldb] where transposed. `packed` is 64-byte aligned.
void gemm_f32_pack(const float* b, std::int64_t ldb, bool transposed, std::int64_t n, std::int64_t k,
                   std::int64_t first, std::int64_t last, float* packed, Isa isa = max_isa(),
                   GemmArithmetic arithmetic = GemmArithmetic::kF32);

/// What a run reads and writes: C = activation(alpha * A B + beta * C + column_bias + row_bias + residual).
///
/// Strides and offsets count elements. Matrix i of a batch starts at i * stride, or at offsets[i] where such a table
/// is given (so broadcast and permuted batch axes need no copies). Nothing needs alignment except packed B. C must not
/// overlap A or B; the residual may be C itself. C is not read where beta is 0, and not written beyond column n of a
/// row. An activation's NaN rules are those of ActivationKind. Numeric promise: each element is a sum of products in
/// order of k (dot products of a column: in lanes), accumulated in f32 with FMA from AVX2 on; the result does not
/// depend on the number of threads.
struct GemmF32Operands {
  const float* a = nullptr;
  std::int64_t lda = 0;
  std::int64_t a_stride = 0;
  const std::int64_t* a_offsets = nullptr;
  const float* b = nullptr;
  std::int64_t ldb = 0;  ///< ignored where B is packed
  std::int64_t b_stride = 0;
  const std::int64_t* b_offsets = nullptr;
  float* c = nullptr;
  std::int64_t ldc = 0;
  std::int64_t c_stride = 0;
  const std::int64_t* c_offsets = nullptr;
  /// Instead of a: elements that are bf16, where the arithmetic is bf16, A is not transposed and n > 1.
  const std::uint16_t* a_bf16 = nullptr;
  std::uint16_t* c_bf16 = nullptr;     ///< instead of c, as narrow_c says; beta is 0
  const float* column_bias = nullptr;  ///< n values, the same for the whole batch
  const float* row_bias = nullptr;     ///< m values
  const float* residual = nullptr;     ///< m x n; batches at the strides or offsets of C
  std::int64_t residual_ld = 0;
  float alpha = 1.0f;
  float beta = 0.0f;
  Activation activation;
};

/// Computes units [first, last). Calls on disjoint ranges may run at once, each with scratch of its own.
void gemm_f32_run(const GemmF32Plan& plan, const GemmF32Operands& operands, std::int64_t first, std::int64_t last,
                  void* scratch);

}  // namespace oriel::kernels
