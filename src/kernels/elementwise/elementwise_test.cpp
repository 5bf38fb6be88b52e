// Elementwise operations against scalar formulas, with random broadcasts, types and ranges.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/half.h"
#include "kernels/elementwise/binary.h"
#include "kernels/elementwise/cast.h"
#include "kernels/elementwise/unary.h"
#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class Elementwise : public ::testing::TestWithParam<Isa> {};

struct Shapes {
  std::vector<std::int64_t> out;
  std::vector<std::vector<std::int64_t>> operands;
};

Shapes random_shapes(int operands, std::mt19937& rng) {
  Shapes s;
  const int rank = static_cast<int>(rng() % 6);
  const std::int64_t extents[] = {1, 2, 3, 5, 17, 33, 64};
  s.operands.resize(static_cast<std::size_t>(operands));
  for (int axis = 0; axis < rank; ++axis) {
    std::int64_t extent = extents[rng() % (axis == rank - 1 ? 7 : 4)];
    if (rng() % 40 == 0) extent = 0;
    s.out.push_back(extent);
    const std::size_t keeper = rng() % static_cast<std::size_t>(operands);
    for (std::size_t i = 0; i < s.operands.size(); ++i) {
      s.operands[i].push_back(i == keeper || rng() % 2 == 0 ? extent : 1);
    }
  }
  return s;
}

std::int64_t volume(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const std::int64_t d : shape) n *= d;
  return n;
}

/// Where output element `at` reads an operand.
std::int64_t source(const Shapes& s, std::size_t operand, std::int64_t at) {
  std::int64_t offset = 0;
  std::int64_t stride = 1;
  for (int axis = static_cast<int>(s.out.size()) - 1; axis >= 0; --axis) {
    const auto a = static_cast<std::size_t>(axis);
    const std::int64_t i = at % s.out[a];
    at /= s.out[a];
    if (s.operands[operand][a] != 1) offset += i * stride;
    stride *= s.operands[operand][a];
  }
  return offset;
}

Broadcast plan(const Shapes& s) {
  std::vector<const std::int64_t*> pointers;
  for (const auto& o : s.operands) pointers.push_back(o.data());
  return plan_broadcast(static_cast<int>(s.operands.size()), static_cast<int>(s.out.size()), s.out.data(),
                        pointers.data());
}

/// Runs f over [0, n) in up to three ranges.
template <typename Function>
void in_ranges(std::int64_t n, std::mt19937& rng, Function f) {
  std::int64_t a = n > 0 ? static_cast<std::int64_t>(rng() % static_cast<unsigned>(n)) : 0;
  std::int64_t b = n > 0 ? static_cast<std::int64_t>(rng() % static_cast<unsigned>(n)) : 0;
  if (a > b) std::swap(a, b);
  f(b, n);
  f(0, a);
  f(a, b);
}

double exact(BinaryOp op, double x, double y) {
  switch (op) {
    case BinaryOp::kAdd:
      return x + y;
    case BinaryOp::kSub:
      return x - y;
    case BinaryOp::kMul:
      return x * y;
    case BinaryOp::kDiv:
      return x / y;
    case BinaryOp::kMin:
      return std::isnan(x) || std::isnan(y) ? NAN : std::min(x, y);
    case BinaryOp::kMax:
      return std::isnan(x) || std::isnan(y) ? NAN : std::max(x, y);
    case BinaryOp::kPow:
      return std::pow(x, y);
    case BinaryOp::kFmod:
      return std::fmod(x, y);
    case BinaryOp::kFloorMod:
      return x - y * std::floor(x / y);
    case BinaryOp::kSquaredDifference:
      return (x - y) * (x - y);
    case BinaryOp::kPrelu:
      return x < 0 ? x * y : x;
    case BinaryOp::kAtan2:
      return std::atan2(x, y);
    default:
      return 0;
  }
}

TEST_P(Elementwise, FloatBroadcasts) {
  std::mt19937 rng(3);
  for (int round = 0; round < 300; ++round) {
    const Shapes s = random_shapes(2, rng);
    const Broadcast b = plan(s);
    const auto op = static_cast<BinaryOp>(round % 12);
    ASSERT_TRUE(has_binary(op, ElementType::kF32));
    const std::int64_t n = volume(s.out);
    ASSERT_EQ(b.elements, n);
    auto x = test::random_floats(volume(s.operands[0]), rng, op == BinaryOp::kPow ? 0.5f : -4.0f, 4.0f);
    auto y = test::random_floats(volume(s.operands[1]), rng, 0.5f, 3.0f);
    if (op == BinaryOp::kMax || op == BinaryOp::kMin) {
      for (float& v : x) v = rng() % 9 == 0 ? NAN : v;
      for (float& v : y) v = rng() % 9 == 0 ? NAN : v;
    }
    std::vector<float> z(static_cast<std::size_t>(n), -99.0f);
    in_ranges(n, rng, [&](std::int64_t first, std::int64_t last) {
      binary(op, ElementType::kF32, b, x.data(), y.data(), z.data(), first, last, GetParam());
    });
    for (std::int64_t i = 0; i < n; ++i) {
      const double want = exact(op, x[source(s, 0, i)], y[source(s, 1, i)]);
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(z[i]));
      } else {
        ASSERT_NEAR(z[i], want, 2e-5 * (1 + std::abs(want))) << static_cast<int>(op);
      }
    }
  }
}

TEST_P(Elementwise, PowersByConstant) {
  const std::vector<float> x = {-2.0f, 0.5f, 3.0f, 0.0f, 1.5f};
  const std::int64_t out[] = {5};
  const std::int64_t one[] = {1};
  const std::int64_t* shapes[] = {out, one};
  const Broadcast b = plan_broadcast(2, 1, out, shapes);
  for (const float e : {1.0f, 2.0f, 3.0f, -1.0f, 0.5f, 0.0f, -2.5f}) {
    std::vector<float> z(5);
    binary(BinaryOp::kPow, ElementType::kF32, b, x.data(), &e, z.data(), 0, 5, GetParam());
    for (int i = 0; i < 5; ++i) {
      const float want = std::pow(x[i], e);
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(z[i]));
      } else {
        EXPECT_FLOAT_EQ(z[i], want) << x[i] << "^" << e;
      }
    }
  }
}

template <typename T>
T integer_exact(BinaryOp op, T x, T y) {
  using W = __int128;
  const W a = x;
  const W b = y;
  switch (op) {
    case BinaryOp::kAdd:
      return static_cast<T>(a + b);
    case BinaryOp::kSub:
      return static_cast<T>(a - b);
    case BinaryOp::kMul:
      return static_cast<T>(a * b);
    case BinaryOp::kDiv:
      return b == 0 ? T{0} : static_cast<T>(a / b);
    case BinaryOp::kMin:
      return std::min(x, y);
    case BinaryOp::kMax:
      return std::max(x, y);
    case BinaryOp::kFmod:
      return b == 0 ? T{0} : static_cast<T>(a % b);
    case BinaryOp::kFloorMod:
      return b == 0 ? T{0} : static_cast<T>(((a % b) + b) % b);
    case BinaryOp::kBitAnd:
      return static_cast<T>(x & y);
    case BinaryOp::kBitOr:
      return static_cast<T>(x | y);
    case BinaryOp::kBitXor:
      return static_cast<T>(x ^ y);
    default:
      return 0;
  }
}

template <typename T>
void check_integers(ElementType type, Isa isa) {
  std::mt19937_64 wide(11);
  std::mt19937 rng(12);
  for (const BinaryOp op :
       {BinaryOp::kAdd, BinaryOp::kSub, BinaryOp::kMul, BinaryOp::kDiv, BinaryOp::kMin, BinaryOp::kMax, BinaryOp::kFmod,
        BinaryOp::kFloorMod, BinaryOp::kBitAnd, BinaryOp::kBitOr, BinaryOp::kBitXor}) {
    for (int round = 0; round < 20; ++round) {
      const Shapes s = random_shapes(2, rng);
      std::vector<T> x(static_cast<std::size_t>(volume(s.operands[0])));
      std::vector<T> y(static_cast<std::size_t>(volume(s.operands[1])));
      for (T& v : x) v = static_cast<T>(wide());
      for (T& v : y) v = wide() % 4 == 0 ? static_cast<T>(wide() % 3 - 1) : static_cast<T>(wide());
      std::vector<T> z(static_cast<std::size_t>(volume(s.out)));
      in_ranges(volume(s.out), rng, [&](std::int64_t first, std::int64_t last) {
        binary(op, type, plan(s), x.data(), y.data(), z.data(), first, last, isa);
      });
      for (std::int64_t i = 0; i < volume(s.out); ++i) {
        ASSERT_EQ(z[i], integer_exact<T>(op, x[source(s, 0, i)], y[source(s, 1, i)])) << static_cast<int>(op);
      }
    }
  }
}

TEST_P(Elementwise, Integers) {
  check_integers<std::int8_t>(ElementType::kI8, GetParam());
  check_integers<std::uint8_t>(ElementType::kU8, GetParam());
  check_integers<std::int16_t>(ElementType::kI16, GetParam());
  check_integers<std::int32_t>(ElementType::kI32, GetParam());
  check_integers<std::uint32_t>(ElementType::kU32, GetParam());
  check_integers<std::int64_t>(ElementType::kI64, GetParam());
  check_integers<std::uint64_t>(ElementType::kU64, GetParam());
}

TEST_P(Elementwise, IntegerPowersAndShifts) {
  const std::int64_t extent[] = {6};
  const std::int64_t* shapes[] = {extent, extent};
  const Broadcast b = plan_broadcast(2, 1, extent, shapes);
  const std::int32_t x[] = {2, -3, -1, 1, 0, 7};
  const std::int32_t y[] = {10, 3, -3, -5, 0, -1};
  std::int32_t z[6];
  binary(BinaryOp::kPow, ElementType::kI32, b, x, y, z, 0, 6);
  EXPECT_EQ(std::vector<std::int32_t>(z, z + 6), (std::vector<std::int32_t>{1024, -27, -1, 1, 1, 0}));
  const std::int32_t shift[] = {1, 2, 31, 32, 40, 0};
  binary(BinaryOp::kShiftLeft, ElementType::kI32, b, x, shift, z, 0, 6);
  EXPECT_EQ(std::vector<std::int32_t>(z, z + 6), (std::vector<std::int32_t>{4, -12, INT32_MIN, 0, 0, 7}));
  binary(BinaryOp::kShiftRight, ElementType::kI32, b, x, shift, z, 0, 6);
  EXPECT_EQ(std::vector<std::int32_t>(z, z + 6), (std::vector<std::int32_t>{1, -1, -1, 0, 0, 7}));
}

TEST_P(Elementwise, Comparisons) {
  std::mt19937 rng(5);
  for (int round = 0; round < 120; ++round) {
    const Shapes s = random_shapes(2, rng);
    const auto op = static_cast<CompareOp>(round % 6);
    const std::int64_t n = volume(s.out);
    std::vector<float> x(static_cast<std::size_t>(volume(s.operands[0])));
    std::vector<float> y(static_cast<std::size_t>(volume(s.operands[1])));
    for (float& v : x) v = rng() % 8 == 0 ? NAN : static_cast<float>(rng() % 3);
    for (float& v : y) v = rng() % 8 == 0 ? NAN : static_cast<float>(rng() % 3);
    std::vector<std::int64_t> xi(x.size());
    std::vector<std::int64_t> yi(y.size());
    for (auto& v : xi) v = static_cast<std::int64_t>(rng() % 3);
    for (auto& v : yi) v = static_cast<std::int64_t>(rng() % 3);
    std::vector<std::uint8_t> z(static_cast<std::size_t>(n));
    std::vector<std::uint8_t> zi(static_cast<std::size_t>(n));
    in_ranges(n, rng, [&](std::int64_t first, std::int64_t last) {
      compare(op, ElementType::kF32, plan(s), x.data(), y.data(), z.data(), first, last, GetParam());
      compare(op, ElementType::kI64, plan(s), xi.data(), yi.data(), zi.data(), first, last, GetParam());
    });
    const auto holds = [&](auto a, auto b) {
      switch (op) {
        case CompareOp::kEqual:
          return a == b;
        case CompareOp::kNotEqual:
          return a != b;
        case CompareOp::kLess:
          return a < b;
        case CompareOp::kLessEqual:
          return a <= b;
        case CompareOp::kGreater:
          return a > b;
        default:
          return a >= b;
      }
    };
    for (std::int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(z[i], holds(x[source(s, 0, i)], y[source(s, 1, i)]) ? 1 : 0);
      ASSERT_EQ(zi[i], holds(xi[source(s, 0, i)], yi[source(s, 1, i)]) ? 1 : 0);
    }
  }
}

template <typename T>
void check_select(std::mt19937& rng) {
  for (int round = 0; round < 60; ++round) {
    const Shapes s = random_shapes(3, rng);
    std::vector<std::uint8_t> c(static_cast<std::size_t>(volume(s.operands[0])));
    std::vector<T> x(static_cast<std::size_t>(volume(s.operands[1])));
    std::vector<T> y(static_cast<std::size_t>(volume(s.operands[2])));
    for (auto& v : c) v = rng() % 2;
    for (auto& v : x) v = static_cast<T>(rng());
    for (auto& v : y) v = static_cast<T>(rng());
    std::vector<T> z(static_cast<std::size_t>(volume(s.out)));
    in_ranges(volume(s.out), rng, [&](std::int64_t first, std::int64_t last) {
      select_elements(sizeof(T), plan(s), c.data(), x.data(), y.data(), z.data(), first, last);
    });
    for (std::int64_t i = 0; i < volume(s.out); ++i) {
      ASSERT_EQ(z[i], c[source(s, 0, i)] ? x[source(s, 1, i)] : y[source(s, 2, i)]);
    }
  }
}

TEST_P(Elementwise, Selection) {
  std::mt19937 rng(6);
  check_select<std::uint8_t>(rng);
  check_select<std::uint16_t>(rng);
  check_select<std::uint32_t>(rng);
  check_select<std::uint64_t>(rng);
}

TEST_P(Elementwise, UnaryAgainstFormulas) {
  const std::vector<float> x = {-3.7f,  -2.5f,    -1.5f,     -0.5f, -0.0f, 0.0f, 0.4f,  0.5f,       1.5f,   2.5f,
                                100.2f, INFINITY, -INFINITY, NAN,   0.25f, 1.0f, -1.0f, 8388609.0f, 9000.5f};
  const auto n = static_cast<std::int64_t>(x.size());
  const auto check = [&](UnaryOp op, float a, float b, auto f) {
    for (std::int64_t count = 0; count <= n; ++count) {
      std::vector<float> y(x.size(), -77.0f);
      unary_f32(op, a, b, x.data(), y.data(), count, GetParam());
      for (std::int64_t i = 0; i < n; ++i) {
        const float want = i < count ? static_cast<float>(f(x[i])) : -77.0f;
        if (std::isnan(want)) {
          EXPECT_TRUE(std::isnan(y[i])) << static_cast<int>(op) << " of " << x[i];
        } else {
          EXPECT_FLOAT_EQ(y[i], want) << static_cast<int>(op) << " of " << x[i];
        }
      }
    }
  };
  check(UnaryOp::kNeg, 0, 0, [](float v) { return -v; });
  check(UnaryOp::kAbs, 0, 0, [](float v) { return std::abs(v); });
  check(UnaryOp::kSign, 0, 0, [](float v) { return v > 0 ? 1.0f : v < 0 ? -1.0f : v; });
  check(UnaryOp::kFloor, 0, 0, [](float v) { return std::floor(v); });
  check(UnaryOp::kCeil, 0, 0, [](float v) { return std::ceil(v); });
  check(UnaryOp::kRound, 0, 0, [](float v) { return std::nearbyint(v); });
  check(UnaryOp::kRoundAway, 0, 0, [](float v) { return std::round(v); });
  check(UnaryOp::kTruncate, 0, 0, [](float v) { return std::trunc(v); });
  check(UnaryOp::kSquare, 0, 0, [](float v) { return v * v; });
  check(UnaryOp::kSqrt, 0, 0, [](float v) { return std::sqrt(v); });
  check(UnaryOp::kRsqrt, 0, 0, [](float v) { return 1 / std::sqrt(v); });
  check(UnaryOp::kReciprocal, 0, 0, [](float v) { return 1 / v; });
  check(UnaryOp::kLog1p, 0, 0, [](float v) { return std::log1p(v); });
  check(UnaryOp::kTan, 0, 0, [](float v) { return std::tan(v); });
  check(UnaryOp::kAsin, 0, 0, [](float v) { return std::asin(v); });
  check(UnaryOp::kAcos, 0, 0, [](float v) { return std::acos(v); });
  check(UnaryOp::kAtan, 0, 0, [](float v) { return std::atan(v); });
  check(UnaryOp::kSinh, 0, 0, [](float v) { return std::sinh(v); });
  check(UnaryOp::kCosh, 0, 0, [](float v) { return std::cosh(v); });
  check(UnaryOp::kAsinh, 0, 0, [](float v) { return std::asinh(v); });
  check(UnaryOp::kAcosh, 0, 0, [](float v) { return std::acosh(v); });
  check(UnaryOp::kAtanh, 0, 0, [](float v) { return std::atanh(v); });
  check(UnaryOp::kSoftsign, 0, 0, [](float v) { return v / (1 + std::abs(v)); });
  check(UnaryOp::kSelu, 1.6732632f, 1.050701f,
        [](double v) { return 1.050701f * (v < 0 ? 1.6732632f * std::expm1(v) : v); });
  check(UnaryOp::kCelu, 2.0f, 0, [](double v) { return v < 0 ? 2 * std::expm1(v / 2) : v; });
  check(UnaryOp::kThresholdedRelu, 0.45f, 0, [](float v) { return v > 0.45f ? v : 0.0f; });
  check(UnaryOp::kShrink, 1.0f, 0.25f, [](float v) { return v < -1 ? v + 0.25f : v > 1 ? v - 0.25f : 0.0f; });
  check(UnaryOp::kAffine, 2.0f, -1.0f, [](float v) { return 2 * v - 1; });
  std::vector<std::uint8_t> flags(x.size());
  is_nan_f32(x.data(), flags.data(), n);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(flags[i], std::isnan(x[i]) ? 1 : 0);
  is_inf_f32(true, false, x.data(), flags.data(), n);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(flags[i], x[i] == INFINITY ? 1 : 0);
}

TEST_P(Elementwise, InverseTrigonometry) {
  std::vector<float> x = {0.0f, -0.0f, 1e-30f,      1e-9f,        0.5f,       -0.5f,
                          1.0f, -1.0f, 0.99999994f, -0.99999994f, 1.0000001f, NAN};
  for (int i = -2000; i <= 2000; ++i) x.push_back(static_cast<float>(i) / 2000.0f);
  const auto check = [&](UnaryOp op, auto exact) {
    std::vector<float> y(x.size());
    unary_f32(op, 0, 0, x.data(), y.data(), static_cast<std::int64_t>(x.size()), GetParam());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto want = static_cast<float>(exact(static_cast<double>(x[i])));
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(y[i])) << static_cast<int>(op) << " of " << x[i];
      } else {
        EXPECT_FLOAT_EQ(y[i], want) << static_cast<int>(op) << " of " << x[i];
        EXPECT_EQ(std::signbit(y[i]), std::signbit(want)) << static_cast<int>(op) << " of " << x[i];
      }
    }
  };
  check(UnaryOp::kAsin, [](double v) { return std::asin(v); });
  check(UnaryOp::kAcos, [](double v) { return std::acos(v); });
  for (const float wide : {0.41421356f, 2.4142135f, 5.0f, 1e4f, 1e20f, 3.4e38f, INFINITY}) {
    x.push_back(wide);
    x.push_back(-wide);
  }
  for (int i = -2000; i <= 2000; ++i) x.push_back(static_cast<float>(i) / 300.0f);
  check(UnaryOp::kAtan, [](double v) { return std::atan(v); });
}

TEST_P(Elementwise, CheapActivations) {
  std::mt19937 rng(2);
  const auto x = test::random_floats(131, rng, -5, 5);
  const auto check = [&](Activation f, auto exact) {
    for (const std::int64_t n : {0, 1, 15, 16, 17, 131}) {
      std::vector<float> y(131, -77.0f);
      activate_f32(f, x.data(), y.data(), n, GetParam());
      for (std::int64_t i = 0; i < 131; ++i) {
        EXPECT_NEAR(y[i], i < n ? exact(x[i]) : -77.0, 1e-6) << static_cast<int>(f.kind);
      }
    }
  };
  check({ActivationKind::kNone}, [](double v) { return v; });
  check({ActivationKind::kRelu}, [](double v) { return v > 0 ? v : 0; });
  check({ActivationKind::kClip, -1, 2}, [](double v) { return v < -1 ? -1 : v > 2 ? 2 : v; });
  check({ActivationKind::kLeakyRelu, 0.1f}, [](double v) { return v < 0 ? 0.1f * v : v; });
  check({ActivationKind::kElu, 1.5f}, [](double v) { return v < 0 ? 1.5 * std::expm1(v) : v; });
  check({ActivationKind::kHardSigmoid, 0.2f, 0.5f},
        [](double v) { return std::min(1.0, std::max(0.0, 0.2f * v + 0.5)); });
  check({ActivationKind::kHardSwish}, [](double v) { return v * std::min(1.0, std::max(0.0, v / 6 + 0.5)); });
  check({ActivationKind::kAbs}, [](double v) { return std::abs(v); });
}

TEST_P(Elementwise, HalfConversionsAreExact) {
  std::vector<std::uint16_t> bits(65536);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
  std::vector<float> f(65536);
  std::vector<std::uint16_t> back(65536);
  cast(ElementType::kF16, ElementType::kF32, bits.data(), f.data(), 65536, GetParam());
  cast(ElementType::kF32, ElementType::kF16, f.data(), back.data(), 65536, GetParam());
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const int exponent = static_cast<int>(i >> 10 & 31);
    const int mantissa = static_cast<int>(i & 1023);
    if (exponent == 31 && mantissa != 0) {
      ASSERT_TRUE(std::isnan(f[i]));
      continue;
    }
    const double magnitude = exponent == 31  ? INFINITY
                             : exponent == 0 ? std::ldexp(mantissa, -24)
                                             : std::ldexp(1024 + mantissa, exponent - 25);
    ASSERT_EQ(f[i], static_cast<float>(i >= 32768 ? -magnitude : magnitude)) << i;
    ASSERT_EQ(back[i], bits[i]);
  }
  cast(ElementType::kBF16, ElementType::kF32, bits.data(), f.data(), 65536, GetParam());
  cast(ElementType::kF32, ElementType::kBF16, f.data(), back.data(), 65536, GetParam());
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (!std::isnan(f[i])) {
      ASSERT_EQ(back[i], bits[i]);
    } else {
      ASSERT_EQ(back[i] & 0x7f80, 0x7f80);
      ASSERT_NE(back[i] & 0x7f, 0);
    }
  }
}

TEST_P(Elementwise, RoundingToHalves) {
  const std::vector<float> x = {1.00048828125f, 1.0014648f, 65519.0f, 65520.0f, 1e6f,       5.9604645e-8f, 2.98e-8f,
                                2.99e-8f,       6.1e-5f,    -1e-8f,   3.0e38f,  3.4028e38f, 1.00390625f,   1.01171875f};
  std::vector<std::uint16_t> h(x.size());
  cast(ElementType::kF32, ElementType::kF16, x.data(), h.data(), static_cast<std::int64_t>(x.size()), GetParam());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(h[i], std::bit_cast<std::uint16_t>(static_cast<_Float16>(x[i]))) << x[i];
  }
  cast(ElementType::kF32, ElementType::kBF16, x.data(), h.data(), static_cast<std::int64_t>(x.size()), GetParam());
  EXPECT_EQ(h[11], 0x7f80);
  EXPECT_EQ(h[12], 0x3f80);
  EXPECT_EQ(h[13], 0x3f82);
}

TEST_P(Elementwise, CastsOfEveryPair) {
  const ElementType types[] = {ElementType::kF32, ElementType::kF64, ElementType::kF16, ElementType::kBF16,
                               ElementType::kI8,  ElementType::kI16, ElementType::kI32, ElementType::kI64,
                               ElementType::kU8,  ElementType::kU16, ElementType::kU32, ElementType::kU64,
                               ElementType::kBool};
  const std::vector<double> values = {0, 1, 2, 100, 127, 1, 3, 5, 7, 9, 0, 64, 32, 16, 8, 4, 2, 1, 120, 15, 0, 3, 77};
  const auto n = static_cast<std::int64_t>(values.size());
  for (const ElementType from : types) {
    for (const ElementType to : types) {
      ASSERT_TRUE(has_cast(from) && has_cast(to));
      std::vector<char> x(values.size() * 8);
      std::vector<char> y(values.size() * 8);
      std::vector<double> back(values.size());
      cast(ElementType::kF64, from, values.data(), x.data(), n, GetParam());
      cast(from, to, x.data(), y.data(), n, GetParam());
      cast(to, ElementType::kF64, y.data(), back.data(), n, GetParam());
      const bool boolean = from == ElementType::kBool || to == ElementType::kBool;
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(back[i], boolean ? (values[i] != 0 ? 1.0 : 0.0) : values[i])
            << element_name(from) << " to " << element_name(to);
      }
    }
  }
  const float fractions[] = {-1.9f, 1.9f, -0.5f, 254.7f};
  std::int32_t whole[4];
  cast(ElementType::kF32, ElementType::kI32, fractions, whole, 4, GetParam());
  EXPECT_EQ(std::vector<std::int32_t>(whole, whole + 4), (std::vector<std::int32_t>{-1, 1, 0, 254}));
  // Whole blocks, with numbers that fit 32 bits and some that do not.
  std::vector<float> reals(200);
  for (std::size_t i = 0; i < reals.size(); ++i) reals[i] = static_cast<float>(i) * 7.6f - 500.0f;
  reals[90] = 4294967296.0f + 512.0f;
  reals[150] = 1e30f;
  reals[151] = NAN;
  std::vector<std::int8_t> bytes(reals.size());
  cast(ElementType::kF32, ElementType::kI8, reals.data(), bytes.data(), 200, GetParam());
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const std::int64_t wide = i == 150 || i == 151 ? INT64_MIN : static_cast<std::int64_t>(reals[i]);
    EXPECT_EQ(bytes[i], static_cast<std::int8_t>(wide)) << reals[i];
  }
  std::vector<std::uint8_t> truths(reals.size());
  cast(ElementType::kF32, ElementType::kBool, reals.data(), truths.data(), 200, GetParam());
  for (std::size_t i = 0; i < reals.size(); ++i) EXPECT_EQ(truths[i], reals[i] != 0 ? 1 : 0);
  const std::int64_t large[] = {300, -1};
  std::uint8_t narrow[2];
  cast(ElementType::kI64, ElementType::kU8, large, narrow, 2, GetParam());
  EXPECT_EQ(narrow[0], 44);
  EXPECT_EQ(narrow[1], 255);
}

INSTANTIATE_TEST_SUITE_P(Levels, Elementwise,
                         ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})), test::level_name);

}  // namespace
}  // namespace oriel::kernels
