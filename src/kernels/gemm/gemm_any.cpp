// The choice of a level for products of f64 and integers.
#include "kernels/gemm/gemm_any.h"

#include <cmath>

#include "kernels/gemm/gemm_any_table.h"

namespace oriel::kernels {

bool has_gemm_any(ElementType type) {
  return type == ElementType::kF64 || type == ElementType::kI32 || type == ElementType::kU32 ||
         type == ElementType::kI64 || type == ElementType::kU64;
}

void gemm_any(const GemmAny& g, std::int64_t first_row, std::int64_t last_row, Isa isa) {
  if (!has_gemm_any(g.type)) return;
  GemmAny whole = g;
  if (g.type != ElementType::kF64) {
    whole.alpha = static_cast<double>(std::llround(g.alpha));
    whole.beta = static_cast<double>(std::llround(g.beta));
  }
  const GemmAnyFunction run = isa >= Isa::kAvx512 ? kGemmAnyAvx512 : isa == Isa::kAvx2 ? kGemmAnyAvx2 : kGemmAnyScalar;
  run(whole, first_row, last_row);
}

}  // namespace oriel::kernels
