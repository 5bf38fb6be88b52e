// Strassen's product against loops in double and against the plain product, at every level that this machine runs.
#include "kernels/gemm/strassen.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

using test::AlignedFloats;

struct Case {
  std::int64_t m, n, k;
  int threads = 1;
  bool transpose_b = false;
  float alpha = 1.0f, beta = 0.0f;
  bool column_bias = false, row_bias = false, residual = false, in_place_residual = false;
  Activation activation = {};
};

double reference_activation(const Activation& f, double x) {
  switch (f.kind) {
    case ActivationKind::kRelu:
      return std::max(x, 0.0);
    case ActivationKind::kClip:
      return std::min<double>(std::max<double>(x, f.a), f.b);
    case ActivationKind::kGeluErf:
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    default:
      return x;
  }
}

/// C of a packed and planned product, its units computed in an order of their own.
std::vector<float> run(const Case& x, Isa isa, const std::vector<float>& b, std::int64_t ldb, GemmF32Operands o,
                       std::vector<float> c, std::int64_t ldc, bool backwards) {
  AlignedFloats packed(static_cast<std::int64_t>(strassen_packed_bytes(x.n, x.k, isa) / 4));
  const std::int64_t units = strassen_pack_units(x.n, x.k, isa);
  for (std::int64_t u = units; u-- > 0;)
    strassen_pack(b.data(), ldb, x.transpose_b, x.n, x.k, u, u + 1, packed.data(), isa);
  GemmF32Problem problem{x.m, x.n, x.k};
  problem.threads = x.threads;
  const StrassenPlan plan = strassen_plan(problem, isa);
  o.b = packed.data();
  o.c = c.data();
  o.ldc = ldc;
  if (x.in_place_residual) {
    o.residual = c.data();
    o.residual_ld = ldc;
  }
  AlignedFloats shared(static_cast<std::int64_t>(plan.shared_scratch_bytes / 4));
  AlignedFloats scratch(static_cast<std::int64_t>(plan.thread_scratch_bytes / 4));
  for (int phase = 0; phase < plan.phases; ++phase) {
    const std::int64_t count = strassen_units(plan, phase);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t u = backwards ? count - 1 - i : i;
      strassen_run(plan, o, phase, u, u + 1, shared.data(), scratch.data());
    }
  }
  return c;
}

void check(const Case& x, Isa isa, std::mt19937& rng) {
  SCOPED_TRACE(::testing::Message() << isa_name(isa) << " m" << x.m << " n" << x.n << " k" << x.k << " threads"
                                    << x.threads << " tb" << x.transpose_b << " alpha" << x.alpha << " beta" << x.beta
                                    << " cb" << x.column_bias << " rb" << x.row_bias << " res" << x.residual
                                    << x.in_place_residual << " act" << static_cast<int>(x.activation.kind));
  const std::int64_t lda = x.k + 3;
  const std::int64_t ldb = (x.transpose_b ? x.k : x.n) + 2;
  const std::int64_t ldc = x.n + 5;
  const auto a = test::random_floats(x.m * lda, rng);
  const auto b = test::random_floats((x.transpose_b ? x.n : x.k) * ldb, rng);
  const auto c0 = test::random_floats(x.m * ldc, rng);
  const auto residual = test::random_floats(x.m * ldc, rng);
  const auto column_bias = test::random_floats(x.n, rng);
  const auto row_bias = test::random_floats(x.m, rng);
  GemmF32Operands o;
  o.a = a.data();
  o.lda = lda;
  o.alpha = x.alpha;
  o.beta = x.beta;
  o.activation = x.activation;
  if (x.column_bias) o.column_bias = column_bias.data();
  if (x.row_bias) o.row_bias = row_bias.data();
  if (x.residual) {
    o.residual = residual.data();
    o.residual_ld = ldc;
  }
  std::vector<float> start = c0;
  // What beta leaves out is not read.
  if (x.beta == 0.0f && !x.in_place_residual) std::fill(start.begin(), start.end(), std::nanf(""));
  const auto c = run(x, isa, b, ldb, o, start, ldc, false);
  int wrong = 0;
  for (std::int64_t r = 0; r < x.m; ++r) {
    for (std::int64_t j = 0; j < ldc; ++j) {
      const std::int64_t at = r * ldc + j;
      if (j >= x.n) {
        const bool kept = std::isnan(start[at]) ? std::isnan(c[at]) : c[at] == start[at];
        EXPECT_TRUE(kept) << "beyond row " << r;
        continue;
      }
      double sum = 0;
      for (std::int64_t i = 0; i < x.k; ++i) {
        sum += static_cast<double>(a[r * lda + i]) * b[x.transpose_b ? j * ldb + i : i * ldb + j];
      }
      sum *= x.alpha;
      if (x.beta != 0.0f) sum += x.beta * static_cast<double>(c0[at]);
      if (x.column_bias) sum += column_bias[j];
      if (x.row_bias) sum += row_bias[r];
      if (x.residual) sum += residual[at];
      if (x.in_place_residual) sum += c0[at];
      const double want = reference_activation(x.activation, sum);
      // Elements are uniform in [-1, 1): sums are of size sqrt(k) / 3.
      const double tolerance = 2e-6 * (std::sqrt(static_cast<double>(x.k)) * std::abs(x.alpha) + 4);
      if (!(std::abs(c[at] - want) <= tolerance) && ++wrong < 4) {
        ADD_FAILURE() << "row " << r << " column " << j << ": " << c[at] << " not " << want;
      }
    }
  }
  EXPECT_EQ(wrong, 0);
}

class Strassen : public ::testing::TestWithParam<Isa> {};

TEST_P(Strassen, OddShapesAndEpilogues) {
  std::mt19937 rng(71);
  int i = 0;
  for (const std::int64_t m : {1, 2, 27, 28, 29, 57, 64, 131}) {
    for (const std::int64_t n : {64, 71, 97, 133, 192}) {
      for (const std::int64_t k : {2, 3, 31, 33, 64, 130}) {
        Case x{m, n, k};
        x.threads = 1 + i % 3;
        x.transpose_b = i % 2 == 1;
        x.column_bias = i % 3 == 1;
        x.row_bias = i % 5 == 2;
        x.residual = i % 4 == 1;
        x.in_place_residual = i % 4 == 3;
        if (i % 7 == 0) x.beta = 0.5f;
        if (i % 11 == 0) x.alpha = -1.5f;
        constexpr ActivationKind kKinds[] = {ActivationKind::kNone, ActivationKind::kRelu, ActivationKind::kClip,
                                             ActivationKind::kGeluErf, ActivationKind::kNone};
        x.activation.kind = kKinds[i % 5];
        if (x.activation.kind == ActivationKind::kClip) x.activation = {ActivationKind::kClip, -0.5f, 1.5f};
        check(x, GetParam(), rng);
        ++i;
      }
    }
  }
}

TEST_P(Strassen, SeveralPasses) {
  std::mt19937 rng(72);
  for (const std::int64_t k : {kStrassenPass, kStrassenPass + 1, 2 * kStrassenPass + 35}) {
    Case x{33, 80, k};
    x.threads = 2;
    x.column_bias = true;
    x.residual = true;
    x.activation = {ActivationKind::kClip, -20.0f, 20.0f};
    check(x, GetParam(), rng);
    x.activation = {ActivationKind::kGeluErf, 0.0f, 0.0f};
    x.residual = false;
    x.in_place_residual = true;
    check(x, GetParam(), rng);
  }
}

TEST_P(Strassen, SumsOfManyRowsTakeBoundedScratch) {
  std::mt19937 rng(75);
  Case x{1001, 66, 2 * kStrassenPass + 5};
  x.threads = 2;
  GemmF32Problem problem{x.m, x.n, x.k};
  const StrassenPlan plan = strassen_plan(problem, GetParam());
  EXPECT_GT(plan.phases, 2);
  EXPECT_LE(plan.shared_scratch_bytes, std::size_t{16} << 20);
  x.row_bias = true;
  x.residual = true;
  if (GetParam() != Isa::kScalar) check(x, GetParam(), rng);
}

TEST_P(Strassen, ErrorsStayWithinTheBound) {
  std::mt19937 rng(73);
  std::normal_distribution<float> normal;
  for (const std::int64_t k : {384, 3072}) {
    const Case x{60, 96, k};
    std::vector<float> a(static_cast<std::size_t>(x.m * k)), b(static_cast<std::size_t>(k * x.n));
    for (float& v : a) v = normal(rng);
    for (float& v : b) v = normal(rng);
    GemmF32Operands o;
    o.a = a.data();
    o.lda = k;
    const auto c = run(x, GetParam(), b, x.n, o, std::vector<float>(static_cast<std::size_t>(x.m * x.n)), x.n, false);
    double squares = 0, errors = 0, largest = 0;
    for (std::int64_t r = 0; r < x.m; ++r) {
      for (std::int64_t j = 0; j < x.n; ++j) {
        double sum = 0;
        for (std::int64_t i = 0; i < k; ++i) sum += static_cast<double>(a[r * k + i]) * b[i * x.n + j];
        const double error = c[r * x.n + j] - sum;
        squares += sum * sum;
        errors += error * error;
        largest = std::max(largest, std::abs(error));
      }
    }
    const auto size = [](const std::vector<float>& v) {
      double largest_of = 0;
      for (const float e : v) largest_of = std::max<double>(largest_of, std::abs(e));
      return largest_of;
    };
    const auto products = static_cast<double>(k);
    EXPECT_LE(largest, (3 * products * products + 25 * products) * 0x1p-24 * size(a) * size(b));
    EXPECT_LE(std::sqrt(errors / squares), GetParam() == Isa::kScalar ? 4e-6 : 2e-6) << k << " products";
    EXPECT_GT(errors, 0.0);
  }
}

TEST_P(Strassen, ResultsDoNotDependOnThreads) {
  std::mt19937 rng(74);
  const Case shape{131, 328, 300};
  const auto a = test::random_floats(shape.m * shape.k, rng);
  const auto b = test::random_floats(shape.k * shape.n, rng);
  GemmF32Operands o;
  o.a = a.data();
  o.lda = shape.k;
  std::vector<float> first;
  for (const int threads : {1, 2, 5}) {
    Case x = shape;
    x.threads = threads;
    const auto c =
        run(x, GetParam(), b, x.n, o, std::vector<float>(static_cast<std::size_t>(x.m * x.n)), x.n, threads == 2);
    if (first.empty()) first = c;
    EXPECT_EQ(first, c) << threads << " threads";
  }
}

TEST_P(Strassen, ServesPairsOfPanels) {
  const std::int64_t panel = GetParam() == Isa::kScalar ? 8 : GetParam() == Isa::kAvx2 ? 16 : 32;
  EXPECT_TRUE(strassen_serves(2 * panel, 2, GetParam()));
  EXPECT_FALSE(strassen_serves(2 * panel - 1, 64, GetParam()));
  EXPECT_FALSE(strassen_serves(2 * panel, 1, GetParam()));
  EXPECT_EQ(strassen_packed_bytes(4 * panel, 384, GetParam()) * 4,
            gemm_f32_packed_bytes(4 * panel, 384, GetParam()) * 7);
  const StrassenPlan none = strassen_plan({0, 2 * panel, 64}, GetParam());
  EXPECT_EQ(none.phases, 0);
}

INSTANTIATE_TEST_SUITE_P(Levels, Strassen, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
