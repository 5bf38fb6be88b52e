// Matrix products of f64 and integers against plain loops, at every level.
#include "kernels/gemm/gemm_any.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

template <typename T>
void check(ElementType type) {
  ASSERT_TRUE(has_gemm_any(type));
  const std::vector<Isa> levels = test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512});
  std::mt19937 rng(1);
  for (int round = 0; round < 60; ++round) {
    const Isa isa = levels[static_cast<std::size_t>(round) % levels.size()];
    GemmAny g;
    g.type = type;
    g.m = rng() % 3 == 0 ? rng() % 40 : rng() % 10;
    g.n = rng() % 2 == 0 ? rng() % 9 : 120 + rng() % 40;
    g.k = rng() % 3 == 0 ? 120 + rng() % 150 : rng() % 12;
    g.transpose_a = rng() % 2 == 0;
    g.transpose_b = rng() % 2 == 0;
    g.lda = (g.transpose_a ? g.m : g.k) + 1;
    g.ldb = (g.transpose_b ? g.k : g.n) + 2;
    g.ldc = g.n + 1;
    g.alpha = rng() % 2 == 0 ? 1 : 2;
    g.beta = rng() % 2 == 0 ? 0 : -1;
    std::vector<T> a(static_cast<std::size_t>((g.transpose_a ? g.k : g.m) * g.lda));
    std::vector<T> b(static_cast<std::size_t>((g.transpose_b ? g.n : g.k) * g.ldb));
    std::vector<T> c(static_cast<std::size_t>(g.m * g.ldc));
    for (T& v : a) v = static_cast<T>(static_cast<int>(rng() % 21) - 10);
    for (T& v : b) v = static_cast<T>(static_cast<int>(rng() % 21) - 10);
    for (T& v : c) v = static_cast<T>(rng() % 5);
    std::vector<T> want = c;
    for (std::int64_t r = 0; r < g.m; ++r) {
      for (std::int64_t j = 0; j < g.n; ++j) {
        T sum = 0;
        for (std::int64_t i = 0; i < g.k; ++i) {
          sum += a[g.transpose_a ? i * g.lda + r : r * g.lda + i] * b[g.transpose_b ? j * g.ldb + i : i * g.ldb + j];
        }
        want[r * g.ldc + j] =
            static_cast<T>(g.alpha) * sum + static_cast<T>(static_cast<int>(g.beta)) * want[r * g.ldc + j];
      }
    }
    g.a = a.data();
    g.b = b.data();
    g.c = c.data();
    gemm_any(g, g.m / 2, g.m, isa);
    gemm_any(g, 0, g.m / 2, isa);
    ASSERT_EQ(c, want);
  }
}

TEST(GemmAny, Doubles) { check<double>(ElementType::kF64); }
TEST(GemmAny, Integers) {
  check<std::int32_t>(ElementType::kI32);
  check<std::int64_t>(ElementType::kI64);
  check<std::uint32_t>(ElementType::kU32);
  check<std::uint64_t>(ElementType::kU64);
}

}  // namespace
}  // namespace oriel::kernels
