// Reductions against loops in double over random shapes and sets of axes.
#include "kernels/reduce/reduce.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class Reduction : public ::testing::TestWithParam<Isa> {};

constexpr ReduceOp kOps[] = {ReduceOp::kSum,    ReduceOp::kMean,     ReduceOp::kMax, ReduceOp::kMin,
                             ReduceOp::kProd,   ReduceOp::kL1,       ReduceOp::kL2,  ReduceOp::kSumSquare,
                             ReduceOp::kLogSum, ReduceOp::kLogSumExp};

struct Case {
  std::vector<std::int64_t> extent;
  std::vector<std::uint8_t> reduced;
  std::vector<std::int64_t> output_of;  // of every element
  std::int64_t outputs = 1;
  std::int64_t count = 1;
};

Case random_case(std::mt19937& rng) {
  Case c;
  const int rank = static_cast<int>(rng() % 6);
  const std::int64_t extents[] = {1, 2, 3, 5, 9, 40, 70};
  std::int64_t n = 1;
  for (int i = 0; i < rank; ++i) {
    std::int64_t e = extents[rng() % (i + 1 == rank ? 7 : 5)];
    if (rng() % 50 == 0) e = 0;
    c.extent.push_back(e);
    c.reduced.push_back(rng() % 2);
    n *= e;
    (c.reduced.back() ? c.count : c.outputs) *= e;
  }
  for (std::int64_t at = 0; at < n; ++at) {
    std::int64_t rest = at;
    std::int64_t out = 0;
    std::int64_t stride = 1;
    for (int i = rank - 1; i >= 0; --i) {
      if (!c.reduced[i]) {
        out += rest % c.extent[i] * stride;
        stride *= c.extent[i];
      }
      rest /= c.extent[i];
    }
    c.output_of.push_back(out);
  }
  return c;
}

Reduce plan(const Case& c) {
  bool reduced[kMaxReduceRank];
  for (std::size_t i = 0; i < c.reduced.size(); ++i) reduced[i] = c.reduced[i] != 0;
  return plan_reduce(static_cast<int>(c.extent.size()), c.extent.data(), reduced);
}

double exact(ReduceOp op, const std::vector<double>& v) {
  double sum = 0, l1 = 0, squares = 0, product = 1, top = -INFINITY, low = INFINITY, exps = 0;
  for (const double x : v) {
    sum += x;
    l1 += std::abs(x);
    squares += x * x;
    product *= x;
    top = std::max(top, x);
    low = std::min(low, x);
    exps += std::exp(x);
  }
  switch (op) {
    case ReduceOp::kSum:
      return sum;
    case ReduceOp::kMean:
      return sum / static_cast<double>(v.size());
    case ReduceOp::kMax:
      return top;
    case ReduceOp::kMin:
      return low;
    case ReduceOp::kProd:
      return product;
    case ReduceOp::kL1:
      return l1;
    case ReduceOp::kL2:
      return std::sqrt(squares);
    case ReduceOp::kSumSquare:
      return squares;
    case ReduceOp::kLogSum:
      return std::log(sum);
    default:
      return std::log(exps);
  }
}

template <typename T>
void check(ElementType type, Isa isa, double tolerance) {
  std::mt19937 rng(4);
  for (int round = 0; round < 150; ++round) {
    const Case c = random_case(rng);
    const ReduceOp op = kOps[round % 10];
    ASSERT_TRUE(has_reduce(op, type));
    std::vector<T> x(c.output_of.size());
    for (T& v : x) {
      v = std::is_floating_point_v<T> ? static_cast<T>(static_cast<double>(rng() % 1000 + 500) / 1000)
                                      : static_cast<T>(rng() % 3 + 1);
    }
    std::vector<T> y(static_cast<std::size_t>(c.outputs), T{111});
    const Reduce p = plan(c);
    ASSERT_EQ(p.outputs, c.outputs);
    ASSERT_EQ(p.count, c.count);
    reduce(op, type, p, x.data(), y.data(), p.units / 2, p.units, isa);
    reduce(op, type, p, x.data(), y.data(), 0, p.units / 2, isa);
    std::vector<std::vector<double>> groups(y.size());
    for (std::size_t i = 0; i < x.size(); ++i) groups[c.output_of[i]].push_back(static_cast<double>(x[i]));
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double want = exact(op, groups[i]);
      if (!std::is_floating_point_v<T>) {
        if (groups[i].empty() || std::abs(want) > 1e9) continue;
        ASSERT_EQ(y[i], static_cast<T>(static_cast<std::int64_t>(want))) << static_cast<int>(op);
      } else if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(static_cast<double>(y[i])));
      } else if (std::isinf(want)) {
        ASSERT_EQ(static_cast<double>(y[i]), want);
      } else {
        ASSERT_NEAR(static_cast<double>(y[i]), want, tolerance * (1 + std::abs(want))) << static_cast<int>(op);
      }
    }
  }
}

TEST_P(Reduction, Floats) { check<float>(ElementType::kF32, GetParam(), 2e-5); }
TEST_P(Reduction, Doubles) { check<double>(ElementType::kF64, GetParam(), 1e-12); }
TEST_P(Reduction, Integers) {
  check<std::int32_t>(ElementType::kI32, GetParam(), 0);
  check<std::int64_t>(ElementType::kI64, GetParam(), 0);
}

TEST_P(Reduction, SpecialValues) {
  const std::int64_t extent[] = {2, 70};
  for (const int axis : {0, 1}) {
    const bool reduced[] = {axis == 0, axis == 1};
    const Reduce p = plan_reduce(2, extent, reduced);
    std::vector<float> x(140, -INFINITY);
    std::vector<float> y(static_cast<std::size_t>(p.outputs));
    reduce_f32(ReduceOp::kLogSumExp, p, x.data(), y.data(), 0, p.units, GetParam());
    EXPECT_EQ(y[0], -INFINITY);
    x[0] = 1000.0f;
    reduce_f32(ReduceOp::kLogSumExp, p, x.data(), y.data(), 0, p.units, GetParam());
    EXPECT_FLOAT_EQ(y[0], 1000.0f);
    x[0] = NAN;
    x[axis == 0 ? 70 : 1] = 5.0f;
    reduce_f32(ReduceOp::kMax, p, x.data(), y.data(), 0, p.units, GetParam());
    EXPECT_TRUE(std::isnan(y[0]));
    reduce_f32(ReduceOp::kMin, p, x.data(), y.data(), 0, p.units, GetParam());
    EXPECT_TRUE(std::isnan(y[0]));
  }
}

TEST(ArgExtreme, TiesAndNaN) {
  const float x[] = {1, 5, 5, 0, 0, 3, NAN, 2, NAN};
  std::int64_t at = -1;
  arg_extreme(true, false, ElementType::kF32, 6, 1, x, &at, 0, 1);
  EXPECT_EQ(at, 1);
  arg_extreme(true, true, ElementType::kF32, 6, 1, x, &at, 0, 1);
  EXPECT_EQ(at, 2);
  arg_extreme(false, false, ElementType::kF32, 6, 1, x, &at, 0, 1);
  EXPECT_EQ(at, 3);
  arg_extreme(false, true, ElementType::kF32, 6, 1, x, &at, 0, 1);
  EXPECT_EQ(at, 4);
  arg_extreme(true, false, ElementType::kF32, 9, 1, x, &at, 0, 1);
  EXPECT_EQ(at, 6);
  // Long enough for whole vectors and a rest; the extreme in either, and NaN.
  std::vector<float> row(75, 1.0F);
  for (const std::size_t place : {0, 15, 16, 40, 63, 64, 74}) {
    row[place] = 2.0F;
    arg_extreme(true, false, ElementType::kF32, 75, 1, row.data(), &at, 0, 1);
    EXPECT_EQ(at, static_cast<std::int64_t>(place));
    row[place] = NAN;
    arg_extreme(false, false, ElementType::kF32, 75, 1, row.data(), &at, 0, 1);
    EXPECT_EQ(at, static_cast<std::int64_t>(place));
    row[place] = 1.0F;
  }
  arg_extreme(true, true, ElementType::kF32, 75, 1, row.data(), &at, 0, 1);
  EXPECT_EQ(at, 74);
  const std::int32_t y[] = {1, 9, 4, 3, 8, 4};  // [1][3][2]
  std::int64_t two[2];
  arg_extreme(true, false, ElementType::kI32, 3, 2, y, two, 0, 2);
  EXPECT_EQ(two[0], 1 + 1);
  EXPECT_EQ(two[1], 0);
}

INSTANTIATE_TEST_SUITE_P(Levels, Reduction, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
