// Products with weights of 4 and 8 bits against loops in double.
#include "kernels/gemm/weight_only.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class WeightOnly : public ::testing::TestWithParam<Isa> {};

TEST_P(WeightOnly, RandomShapes) {
  std::mt19937 rng(1);
  const auto pick = [&](std::initializer_list<std::int64_t> values) { return values.begin()[rng() % values.size()]; };
  for (int round = 0; round < 150; ++round) {
    WeightOnlyProblem p;
    p.m = pick({1, 2, 3, 4, 5, 15, 30});
    p.n = pick({1, 7, 16, 31, 32, 33, 70});
    p.k = pick({1, 16, 31, 64, 130, 300, 520});
    p.bits = rng() % 2 == 0 ? 4 : 8;
    p.block = pick({16, 32, 128});
    p.threads = static_cast<int>(pick({1, 4}));
    const std::int64_t blocks = (p.k + p.block - 1) / p.block;
    const std::int64_t block_bytes = p.block * p.bits / 8;
    const std::int64_t zero_bytes = (blocks * p.bits + 7) / 8;
    std::vector<std::uint8_t> q(static_cast<std::size_t>(p.n * blocks * block_bytes));
    std::vector<std::uint8_t> zeros(static_cast<std::size_t>(p.n * zero_bytes));
    for (auto& v : q) v = static_cast<std::uint8_t>(rng());
    for (auto& v : zeros) v = static_cast<std::uint8_t>(rng());
    const auto scales = test::random_floats(p.n * blocks, rng, 0.01f, 0.1f);
    const std::int64_t lda = p.k + 1;
    const std::int64_t ldc = p.n + 3;
    const auto a = test::random_floats(p.m * lda, rng);
    const auto bias = test::random_floats(p.n, rng);
    std::vector<float> c(static_cast<std::size_t>(p.m * ldc), -5.0f);

    WeightOnlySource s;
    s.q = q.data();
    s.scales = scales.data();
    const int kind = static_cast<int>(rng() % 3);
    if (kind == 1) s.zeros = zeros.data();
    s.is_signed = kind == 2;
    test::AlignedFloats packed(static_cast<std::int64_t>(weight_only_packed_bytes(p, GetParam()) / 4));
    weight_only_pack(p, s, 0, weight_only_panels(p.n, GetParam()), packed.data(), GetParam());
    const WeightOnlyPlan plan = weight_only_plan(p, GetParam());
    test::AlignedFloats scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
    WeightOnlyOperands o;
    o.a = a.data();
    o.lda = lda;
    o.packed = packed.data();
    o.c = c.data();
    o.ldc = ldc;
    o.bias = bias.data();
    o.activation = {ActivationKind::kRelu};
    for (std::int64_t u = plan.units - 1; u >= 0; --u) weight_only_run(plan, o, u, u + 1, scratch.data());

    const auto value = [&](const std::uint8_t* row, std::int64_t i) {
      return p.bits == 8 ? row[i] : i % 2 == 0 ? row[i / 2] & 15 : row[i / 2] >> 4;
    };
    for (std::int64_t r = 0; r < p.m; ++r) {
      for (std::int64_t j = 0; j < ldc; ++j) {
        if (j >= p.n) {
          ASSERT_EQ(c[r * ldc + j], -5.0f);
          continue;
        }
        double sum = bias[j];
        double size = 1;
        for (std::int64_t k = 0; k < p.k; ++k) {
          const std::int64_t b = k / p.block;
          int w = value(q.data() + (j * blocks + b) * block_bytes, k % p.block);
          const int half = 1 << (p.bits - 1);
          if (kind == 0) w -= half;
          if (kind == 1) w -= value(zeros.data() + j * zero_bytes, b);
          if (kind == 2 && w >= half) w -= 2 * half;
          const double x = a[r * lda + k] * static_cast<double>(scales[j * blocks + b]);
          sum += x * w;
          size += std::abs(x) * half * 2;
        }
        ASSERT_NEAR(c[r * ldc + j], std::max(sum, 0.0), 1e-6 * size)
            << p.m << " " << p.n << " " << p.k << " bits " << p.bits;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, WeightOnly,
                         ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})), test::level_name);

}  // namespace
}  // namespace oriel::kernels
