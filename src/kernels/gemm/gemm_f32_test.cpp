// The f32 matrix product against loops in double, at every level that this machine runs.
#include "kernels/gemm/gemm_f32.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

using test::AlignedFloats;

double reference_activation(const Activation& f, double x) {
  switch (f.kind) {
    case ActivationKind::kRelu:
      return std::max(x, 0.0);
    case ActivationKind::kClip:
      return std::min<double>(std::max<double>(x, f.a), f.b);
    case ActivationKind::kLeakyRelu:
      return x < 0 ? f.a * x : x;
    case ActivationKind::kGeluErf:
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    case ActivationKind::kTanh:
      return std::tanh(x);
    default:
      return x;
  }
}

struct Case {
  std::int64_t m, n, k;
  std::int64_t batch = 1;
  bool transpose_a = false, packed = true, transpose_b = false;
  int threads = 1;
  float alpha = 1, beta = 0;
  bool column_bias = false, row_bias = false, residual = false, in_place_residual = false;
  Activation activation;
  GemmArithmetic arithmetic = GemmArithmetic::kF32;
};

void check(const Case& x, Isa isa, std::mt19937& rng) {
  SCOPED_TRACE(::testing::Message() << isa_name(isa) << " m" << x.m << " n" << x.n << " k" << x.k << " batch" << x.batch
                                    << " ta" << x.transpose_a << " packed" << x.packed << " tb" << x.transpose_b
                                    << " threads" << x.threads << " beta" << x.beta << " cb" << x.column_bias << " rb"
                                    << x.row_bias << " res" << x.residual << x.in_place_residual << " act"
                                    << static_cast<int>(x.activation.kind));
  const std::int64_t lda = (x.transpose_a ? x.m : x.k) + 3;
  const std::int64_t ldb = (x.transpose_b ? x.k : x.n) + 2;
  const std::int64_t ldc = x.n + 5;
  const std::int64_t a_size = (x.transpose_a ? x.k : x.m) * lda;
  const std::int64_t b_size = (x.transpose_b ? x.n : x.k) * ldb;
  const std::int64_t c_size = x.m * ldc;
  auto a = test::random_floats(a_size * x.batch, rng);
  auto b = test::random_floats(b_size * x.batch, rng);
  if (x.arithmetic == GemmArithmetic::kBf16) {
    // Values that bfloat16 holds, so that the products are exact.
    for (float& v : a) v = std::round(v * 64) / 64;
    for (float& v : b) v = std::round(v * 64) / 64;
  }
  const auto c0 = test::random_floats(c_size * x.batch, rng);
  const auto column_bias = test::random_floats(x.n, rng);
  const auto row_bias = test::random_floats(x.m, rng);
  const auto residual = test::random_floats(c_size * x.batch, rng);
  std::vector<float> c = c0;

  GemmF32Problem problem{x.m, x.n, x.k, x.batch, x.transpose_a, x.packed, x.transpose_b, x.threads, x.arithmetic};
  const GemmF32Plan plan = gemm_f32_plan(problem, isa);
  const std::size_t packed_size = gemm_f32_packed_bytes(x.n, x.k, isa, x.arithmetic) / 4;
  AlignedFloats packed(static_cast<std::int64_t>(packed_size) * x.batch);
  GemmF32Operands o;
  o.a = a.data();
  o.lda = lda;
  o.a_stride = a_size;
  o.c = c.data();
  o.ldc = ldc;
  o.c_stride = c_size;
  o.alpha = x.alpha;
  o.beta = x.beta;
  o.activation = x.activation;
  if (x.column_bias) o.column_bias = column_bias.data();
  if (x.row_bias) o.row_bias = row_bias.data();
  if (x.residual) {
    o.residual = x.in_place_residual ? c.data() : residual.data();
    o.residual_ld = ldc;
  }
  if (x.packed) {
    for (std::int64_t i = 0; i < x.batch; ++i) {
      gemm_f32_pack(b.data() + i * b_size, ldb, x.transpose_b, x.n, x.k, 0, gemm_f32_panels(x.n, isa),
                    packed.data() + i * static_cast<std::int64_t>(packed_size), isa, x.arithmetic);
    }
    o.b = packed.data();
    o.b_stride = static_cast<std::int64_t>(packed_size);
  } else {
    o.b = b.data();
    o.ldb = ldb;
    o.b_stride = b_size;
  }
  AlignedFloats scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  // In an order that is not the natural one, one unit a call.
  for (std::int64_t u = plan.units - 1; u >= 0; --u) gemm_f32_run(plan, o, u, u + 1, scratch.data());

  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < x.batch && wrong < 3; ++i) {
    for (std::int64_t r = 0; r < x.m && wrong < 3; ++r) {
      for (std::int64_t j = 0; j < ldc && wrong < 3; ++j) {
        const std::int64_t at = i * c_size + r * ldc + j;
        if (j >= x.n) {
          if (c[at] != c0[at]) ++wrong, ADD_FAILURE() << "wrote beyond column n at row " << r;
          continue;
        }
        double sum = 0;
        double size = 1;
        for (std::int64_t k = 0; k < x.k; ++k) {
          const double p = static_cast<double>(a[i * a_size + (x.transpose_a ? k * lda + r : r * lda + k)]) *
                           b[i * b_size + (x.transpose_b ? j * ldb + k : k * ldb + j)];
          sum += p;
          size += std::abs(p);
        }
        sum = sum * x.alpha + static_cast<double>(x.beta) * c0[at];
        if (x.column_bias) sum += column_bias[j];
        if (x.row_bias) sum += row_bias[r];
        if (x.residual) sum += x.in_place_residual ? c0[at] : residual[at];
        const double want = reference_activation(x.activation, sum);
        if (!(std::abs(c[at] - want) <= 4e-7 * (size * std::abs(x.alpha) + 4))) {
          ++wrong, ADD_FAILURE() << "row " << r << " column " << j << ": " << c[at] << " not " << want;
        }
      }
    }
  }
}

class GemmF32 : public ::testing::TestWithParam<Isa> {};

TEST_P(GemmF32, RandomShapes) {
  std::mt19937 rng(7);
  const auto pick = [&](std::initializer_list<std::int64_t> values) { return values.begin()[rng() % values.size()]; };
  const auto flip = [&] { return rng() % 2 == 0; };
  for (int i = 0; i < 400; ++i) {
    Case x{};
    x.m = pick({0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 29, 64});
    x.n = pick({0, 1, 2, 7, 8, 9, 16, 17, 24, 25, 31, 32, 33, 63, 64, 65, 100, 128, 133, 160, 200});
    x.k = pick({0, 1, 2, 3, 4, 5, 15, 16, 17, 33, 64, 127});
    x.batch = pick({1, 1, 1, 2, 3});
    x.transpose_a = rng() % 4 == 0;
    x.packed = flip();
    x.transpose_b = flip();
    x.threads = static_cast<int>(pick({1, 2, 5, 16}));
    x.alpha = flip() ? 1.0f : 0.37f;
    x.beta = flip() ? 0.0f : -0.5f;
    x.column_bias = flip();
    x.row_bias = rng() % 4 == 0;
    x.residual = rng() % 3 == 0;
    x.in_place_residual = x.residual && flip();
    const ActivationKind kinds[] = {ActivationKind::kNone,      ActivationKind::kRelu,    ActivationKind::kClip,
                                    ActivationKind::kLeakyRelu, ActivationKind::kGeluErf, ActivationKind::kTanh};
    x.activation = {kinds[rng() % 6], -0.25f, 0.75f};
    if (GetParam() >= Isa::kBf16) x.arithmetic = GemmArithmetic::kBf16;
    check(x, GetParam(), rng);
    if (HasFailure()) return;
  }
}

TEST_P(GemmF32, SeveralPassesOverC) {
  std::mt19937 rng(8);
  for (const bool packed : {true, false}) {
    Case x{};
    x.m = 17;
    x.n = 41;
    x.k = 9001;
    x.packed = packed;
    x.alpha = 0.5f;
    x.beta = 2.0f;
    x.column_bias = x.residual = x.in_place_residual = true;
    x.activation = {ActivationKind::kRelu, 0, 0};
    if (GetParam() >= Isa::kBf16) x.arithmetic = GemmArithmetic::kBf16;
    check(x, GetParam(), rng);
    x.m = 2;
    x.n = 300;
    x.activation = {ActivationKind::kGeluErf, 0, 0};
    check(x, GetParam(), rng);
    x.n = 1;
    check(x, GetParam(), rng);
  }
}

TEST_P(GemmF32, LargeSplitIntoUnits) {
  std::mt19937 rng(9);
  for (const int threads : {1, 2, 16}) {
    Case x{};
    x.m = 150;
    x.n = 260;
    x.k = 300;
    x.threads = threads;
    check(x, GetParam(), rng);
    x.packed = false;
    x.transpose_b = true;
    check(x, GetParam(), rng);
    GemmF32Problem problem{512, 1024, 1024, 1, false, true, false, threads};
    EXPECT_GE(gemm_f32_plan(problem, GetParam()).units, threads > 1 ? 3 * threads : 1);
  }
}

TEST_P(GemmF32, BatchByOffsets) {
  std::mt19937 rng(10);
  const std::int64_t m = 9, n = 40, k = 20;
  const auto a = test::random_floats(m * k, rng);
  const auto b = test::random_floats(2 * k * n, rng);
  std::vector<float> c(2 * m * n, 0.0f);
  const std::int64_t a_offsets[] = {0, 0};
  const std::int64_t b_offsets[] = {k * n, 0};
  const std::int64_t c_offsets[] = {m * n, 0};
  const GemmF32Plan plan = gemm_f32_plan({m, n, k, 2, false, false, false, 1}, GetParam());
  AlignedFloats scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  GemmF32Operands o;
  o.a = a.data();
  o.lda = k;
  o.a_offsets = a_offsets;
  o.b = b.data();
  o.ldb = n;
  o.b_offsets = b_offsets;
  o.c = c.data();
  o.ldc = n;
  o.c_offsets = c_offsets;
  gemm_f32_run(plan, o, 0, plan.units, scratch.data());
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t r = 0; r < m; ++r) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t p = 0; p < k; ++p) sum += static_cast<double>(a[r * k + p]) * b[i * k * n + p * n + j];
        EXPECT_NEAR(c[i * m * n + r * n + j], sum, 1e-4);
      }
    }
  }
}

TEST(GemmBf16, RoundsOperandsToNearest) {
  if (hardware_isa() < Isa::kBf16) GTEST_SKIP() << "needs AVX512_BF16";
  std::mt19937 rng(12);
  const std::int64_t m = 20, n = 50, k = 100;
  const auto a = test::random_floats(m * k, rng);
  const auto b = test::random_floats(k * n, rng);
  std::vector<float> c(static_cast<std::size_t>(m * n));
  GemmF32Problem problem{m, n, k, 1, false, false, false, 1, GemmArithmetic::kBf16};
  const GemmF32Plan plan = gemm_f32_plan(problem, Isa::kBf16);
  AlignedFloats scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  GemmF32Operands o;
  o.a = a.data();
  o.lda = k;
  o.b = b.data();
  o.ldb = n;
  o.c = c.data();
  o.ldc = n;
  gemm_f32_run(plan, o, 0, plan.units, scratch.data());
  const auto rounded = [](float x) {
    std::uint32_t u = 0;
    std::memcpy(&u, &x, 4);
    u = (u + 0x7fff + (u >> 16 & 1)) & 0xffff0000U;
    std::memcpy(&x, &u, 4);
    return static_cast<double>(x);
  };
  for (std::int64_t r = 0; r < m; ++r) {
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t i = 0; i < k; ++i) sum += rounded(a[r * k + i]) * rounded(b[i * n + j]);
      ASSERT_NEAR(c[r * n + j], sum, 2e-5);
    }
  }
}

std::uint16_t bf16_of(float x) {
  std::uint32_t u = 0;
  std::memcpy(&u, &x, 4);
  return static_cast<std::uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

// Operands and results that lie in memory as bf16 give what rounding those of f32 gives, bit by bit.
TEST(GemmBf16, NarrowOperandsAndResults) {
  if (hardware_isa() < Isa::kBf16) GTEST_SKIP() << "needs AVX512_BF16";
  std::mt19937 rng(13);
  for (int round = 0; round < 120; ++round) {
    const auto pick = [&](std::int64_t most) { return static_cast<std::int64_t>(rng() % most) + 1; };
    GemmF32Problem problem;
    problem.m = round % 3 == 0 ? pick(6) : pick(70);
    problem.n = 1 + pick(round % 2 == 0 ? 40 : 300);
    problem.k = round % 10 == 0 ? 3000 + pick(600) : pick(200);
    problem.threads = round % 4 + 1;
    problem.arithmetic = GemmArithmetic::kBf16;
    const std::int64_t m = problem.m, n = problem.n, k = problem.k, lda = k + 3, ldc = n + 5;
    SCOPED_TRACE(::testing::Message() << m << " x " << n << " x " << k);
    const auto a = test::random_floats(m * lda, rng);
    const auto b = test::random_floats(k * n, rng);
    const auto bias = test::random_floats(n, rng);
    const auto residual = test::random_floats(m * n, rng);
    std::vector<std::uint16_t> narrow_a;
    for (const float v : a) narrow_a.push_back(bf16_of(v));
    AlignedFloats packed(static_cast<std::int64_t>(gemm_f32_packed_bytes(n, k, Isa::kBf16, problem.arithmetic) / 4));
    gemm_f32_pack(b.data(), n, false, n, k, 0, gemm_f32_panels(n, Isa::kBf16), packed.data(), Isa::kBf16,
                  problem.arithmetic);
    GemmF32Operands o;
    o.a = a.data();
    o.lda = lda;
    o.b = packed.data();
    o.ldc = ldc;
    o.column_bias = bias.data();
    if (round % 2 == 0) o.residual = residual.data();
    o.residual_ld = n;
    constexpr ActivationKind kKinds[] = {ActivationKind::kNone, ActivationKind::kRelu, ActivationKind::kGeluErf,
                                         ActivationKind::kGeluTanh};
    o.activation.kind = kKinds[round % 4];
    const auto run = [&](const GemmF32Problem& p) {
      const GemmF32Plan plan = gemm_f32_plan(p, Isa::kBf16);
      AlignedFloats scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
      for (std::int64_t u = plan.units - 1; u >= 0; --u) gemm_f32_run(plan, o, u, u + 1, scratch.data());
    };
    std::vector<float> wide(static_cast<std::size_t>(m * ldc)), from_narrow(wide.size(), -7.0F);
    o.c = wide.data();
    run(problem);
    o.a = nullptr;
    o.a_bf16 = narrow_a.data();
    o.c = from_narrow.data();
    run(problem);
    std::vector<std::uint16_t> narrow(wide.size(), 0x1234);
    o.c = nullptr;
    o.c_bf16 = narrow.data();
    problem.narrow_c = true;
    run(problem);
    for (std::int64_t r = 0; r < m; ++r) {
      for (std::int64_t j = 0; j < ldc; ++j) {
        const auto i = static_cast<std::size_t>(r * ldc + j);
        if (j >= n) {
          ASSERT_EQ(narrow[i], 0x1234) << "wrote beyond column n at row " << r;
          continue;
        }
        ASSERT_EQ(from_narrow[i], wide[i]) << r << " " << j;
        // Beyond one pass, the sums go through memory in f32 alone; GELU has a form of its own.
        if (k <= 3000 && o.activation.kind <= ActivationKind::kRelu) {
          ASSERT_EQ(narrow[i], bf16_of(wide[i])) << r << " " << j;
        } else {
          std::uint32_t bits = static_cast<std::uint32_t>(narrow[i]) << 16;
          float value = 0;
          std::memcpy(&value, &bits, 4);
          ASSERT_NEAR(value, wide[i], std::abs(wide[i]) / 256 + (k <= 3000 ? 7e-5 : 1e-3));
        }
      }
    }
  }
}

TEST_P(GemmF32, ClampLetsNaNThrough) {
  const float nan = std::nanf("");
  std::vector<float> a(16, 1.0f), b(16 * 32, 1.0f), c(32, 0.0f);
  b[5] = nan;
  const GemmF32Plan plan = gemm_f32_plan({1, 32, 16, 1, false, false, false, 1}, GetParam());
  AlignedFloats scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  GemmF32Operands o;
  o.a = a.data();
  o.lda = 16;
  o.b = b.data();
  o.ldb = 32;
  o.c = c.data();
  o.ldc = 32;
  o.activation = {ActivationKind::kClip, -1.0f, 3.0f};
  gemm_f32_run(plan, o, 0, plan.units, scratch.data());
  EXPECT_TRUE(std::isnan(c[5]));
  EXPECT_EQ(c[4], 3.0f);
}

INSTANTIATE_TEST_SUITE_P(Levels, GemmF32,
                         ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kBf16})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
