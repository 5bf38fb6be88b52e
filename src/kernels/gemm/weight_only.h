// Matrix products of f32 activations with weights of 4 or 8 bits, scaled by blocks of products.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_features.h"
#include "kernels/activation.h"

namespace oriel::kernels {

/// W[k][n] = (q[n][k] - zero[n][k / block]) * scale[n][k / block], C = f(A W + bias).
struct WeightOnlyProblem {
  std::int64_t m = 0, n = 0, k = 0;
  int bits = 4;             ///< 4 or 8
  std::int64_t block = 32;  ///< products that share a scale, >= 1; the last block of a column may be shorter
  int threads = 1;
};

struct WeightOnlyPlan {
  WeightOnlyProblem problem;
  Isa isa = Isa::kScalar;
  std::int64_t units = 0;
  std::size_t scratch_bytes = 0;  ///< per thread, 64-byte aligned
  std::int64_t panels_per_unit = 0;
};

WeightOnlyPlan weight_only_plan(const WeightOnlyProblem& problem, Isa isa = max_isa());

/// How the weights come, the column (output) being the outer axis, as ONNX's MatMulNBits has them: q is
/// [n][blocks][bytes of a block], where a block of 4-bit values is packed low half first and padded to a whole byte;
/// scales is [n][blocks].
struct WeightOnlySource {
  const std::uint8_t* q = nullptr;
  std::int64_t q_row = 0;  ///< bytes from column to column; 0: blocks * bytes of a block
  const float* scales = nullptr;
  const std::uint8_t* zeros = nullptr;  ///< [n][blocks] of `bits` each, columns padded to a byte; null: 2^(bits - 1)
  bool is_signed = false;               ///< q holds two's complement values and the zero point is 0 (zeros is ignored)
};

/// Bytes of the packed form; depends on n, k, bits, block and the level.
std::size_t weight_only_packed_bytes(const WeightOnlyProblem& problem, Isa isa = max_isa());
std::int64_t weight_only_panels(std::int64_t n, Isa isa = max_isa());

/// Packs panels [first, last); `packed` is 64-byte aligned.
void weight_only_pack(const WeightOnlyProblem& problem, const WeightOnlySource& source, std::int64_t first,
                      std::int64_t last, void* packed, Isa isa = max_isa());

/// Numeric promise: weights are exact; few rows (up to 4): sums of A q in f32 by blocks, scaled and less zero * sum of
/// A; more rows: products of A with weights rounded once to f32. Strides count elements.
struct WeightOnlyOperands {
  const float* a = nullptr;
  std::int64_t lda = 0;
  const void* packed = nullptr;
  float* c = nullptr;
  std::int64_t ldc = 0;
  const float* bias = nullptr;  ///< n values, or null
  Activation activation;
};

/// Units [first, last), each thread with scratch of its own.
void weight_only_run(const WeightOnlyPlan& plan, const WeightOnlyOperands& operands, std::int64_t first,
                     std::int64_t last, void* scratch);

}  // namespace oriel::kernels
