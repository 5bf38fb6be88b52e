// Portable matrix products: rows of C built from rows of B, or dot products where B is transposed.
#include "kernels/gemm/gemm_any.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace oriel::kernels {
namespace {

constexpr std::int64_t kColumns = 128;
constexpr std::int64_t kRows = 4;

template <typename T>
void product(const GemmAny& g, std::int64_t first_row, std::int64_t last_row) {
  // Unsigned arithmetic wraps.
  using W = std::conditional_t<std::is_integral_v<T>,
                               std::make_unsigned_t<std::conditional_t<std::is_integral_v<T>, T, int>>, T>;
  const auto* a = static_cast<const T*>(g.a);
  const auto* b = static_cast<const T*>(g.b);
  auto* c = static_cast<T*>(g.c);
  const auto scalar = [](double x) {
    return static_cast<W>(std::is_integral_v<T> ? static_cast<T>(std::llround(x)) : static_cast<T>(x));
  };
  const W alpha = scalar(g.alpha);
  const W beta = scalar(g.beta);
  for (std::int64_t j0 = 0; j0 < g.n; j0 += kColumns) {
    const std::int64_t columns = std::min(kColumns, g.n - j0);
    for (std::int64_t r0 = first_row; r0 < last_row; r0 += kRows) {
      const std::int64_t rows = std::min(kRows, last_row - r0);
      W sum[kRows][kColumns] = {};
      for (std::int64_t i = 0; i < g.k; ++i) {
        W line[kColumns];
        for (std::int64_t j = 0; j < columns; ++j) {
          line[j] = static_cast<W>(g.transpose_b ? b[(j0 + j) * g.ldb + i] : b[i * g.ldb + j0 + j]);
        }
        for (std::int64_t r = 0; r < rows; ++r) {
          const auto x = static_cast<W>(g.transpose_a ? a[i * g.lda + r0 + r] : a[(r0 + r) * g.lda + i]);
          for (std::int64_t j = 0; j < columns; ++j) sum[r][j] += x * line[j];
        }
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        T* out = c + (r0 + r) * g.ldc + j0;
        for (std::int64_t j = 0; j < columns; ++j) {
          W y = alpha * sum[r][j];
          if (g.beta != 0.0) y += beta * static_cast<W>(out[j]);
          out[j] = static_cast<T>(y);
        }
      }
    }
  }
}

}  // namespace

bool has_gemm_any(ElementType type) {
  return type == ElementType::kF64 || type == ElementType::kI32 || type == ElementType::kU32 ||
         type == ElementType::kI64 || type == ElementType::kU64;
}

void gemm_any(const GemmAny& g, std::int64_t first_row, std::int64_t last_row) {
  switch (g.type) {
    case ElementType::kF64:
      return product<double>(g, first_row, last_row);
    case ElementType::kI32:
      return product<std::int32_t>(g, first_row, last_row);
    case ElementType::kU32:
      return product<std::uint32_t>(g, first_row, last_row);
    case ElementType::kI64:
      return product<std::int64_t>(g, first_row, last_row);
    case ElementType::kU64:
      return product<std::uint64_t>(g, first_row, last_row);
    default:
      return;
  }
}

}  // namespace oriel::kernels
