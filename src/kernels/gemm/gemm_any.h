// Matrix products of f64, i32, i64, u32 and u64, for models' rare corners.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "base/element_type.h"

namespace oriel::kernels {

/// f64, i32, u32, i64, u64.
bool has_gemm_any(ElementType type);

/// C[m, n] = alpha * op(A) op(B) + beta * C for rows [first_row, last_row); A is [m][lda], or [k][lda] where
/// transposed, B is [k][ldb], or [n][ldb] where transposed. Integers wrap around, with alpha and beta rounded to
/// integers. C is not read where beta is 0 and must not overlap A or B. Sums of f64 go by blocks of products.
struct GemmAny {
  ElementType type = ElementType::kF64;
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  const void* a = nullptr;
  std::int64_t lda = 0;
  const void* b = nullptr;
  std::int64_t ldb = 0;
  void* c = nullptr;
  std::int64_t ldc = 0;
  double alpha = 1.0, beta = 0.0;
};

void gemm_any(const GemmAny& g, std::int64_t first_row, std::int64_t last_row, Isa isa = max_isa());

}  // namespace oriel::kernels
