// The accuracy of the elementary functions at every level, against the C library in double.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "kernels/elementwise/unary.h"
#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

/// Distance from the exact value in units of the last place of the f32 next to it.
double ulps(float got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e30;
  const auto nearest = static_cast<float>(want);
  if (std::isinf(nearest)) return got == nearest || std::abs(got) >= 3.4e38f ? 0 : 1e30;
  if (std::isnan(got) || std::isinf(got)) return 1e30;
  const double unit = std::max<double>(std::abs(std::nextafter(nearest, 2 * nearest + 1e-45f) - nearest), 1.5e-45);
  return std::abs(got - want) / unit;
}

/// Floats of every exponent from -100 to `top`, both signs, subnormals and the special values.
std::vector<float> samples(int top) {
  std::vector<float> out = {0.0f, -0.0f, INFINITY, -INFINITY, std::nanf(""), 1e-45f, -1e-45f, 1e-39f};
  std::uint32_t state = 1;
  for (int e = -100; e <= top; ++e) {
    for (int i = 0; i < 400; ++i) {
      state = state * 1664525U + 1013904223U;
      const float m = 1.0f + static_cast<float>(state >> 9) * 0x1p-23f;
      out.push_back(std::ldexp((state & 1) != 0 ? m : -m, e));
    }
  }
  return out;
}

class Simd : public ::testing::TestWithParam<Isa> {
 protected:
  using Exact = std::function<double(double)>;

  double worst(const std::vector<float>& x, const std::vector<float>& y, const Exact& exact, float* where) {
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double e = ulps(y[i], exact(x[i]));
      if (e > worst) {
        worst = e;
        *where = x[i];
      }
    }
    return worst;
  }

  void check(UnaryOp op, const Exact& exact, double bound, int top = 10) {
    const std::vector<float> x = samples(top);
    std::vector<float> y(x.size());
    unary_f32(op, 1.0f, 1.0f, x.data(), y.data(), static_cast<std::int64_t>(x.size()), GetParam());
    float where = 0;
    const double e = worst(x, y, exact, &where);
    EXPECT_LE(e, bound + (GetParam() == Isa::kScalar ? 1 : 0)) << "at " << where;
  }

  void check(Activation f, const Exact& exact, double bound, int top = 10) {
    const std::vector<float> x = samples(top);
    std::vector<float> y(x.size());
    activate_f32(f, x.data(), y.data(), static_cast<std::int64_t>(x.size()), GetParam());
    float where = 0;
    const double e = worst(x, y, exact, &where);
    EXPECT_LE(e, bound + (GetParam() == Isa::kScalar ? 1 : 0)) << "at " << where;
  }

  /// |y - exact| <= bound * max(|x|, |y|) for finite x.
  void check_absolute(Activation f, const Exact& exact, double bound) {
    const std::vector<float> x = samples(10);
    std::vector<float> y(x.size());
    activate_f32(f, x.data(), y.data(), static_cast<std::int64_t>(x.size()), GetParam());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = exact(x[i]);
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(y[i])) << x[i];
      } else if (std::isinf(want)) {
        EXPECT_EQ(y[i], want);
      } else {
        ASSERT_LE(std::abs(y[i] - want), bound * std::max<double>(std::abs(x[i]), std::abs(want)) + 1e-44) << x[i];
      }
    }
  }
};

TEST_P(Simd, Exponentials) {
  check(
      UnaryOp::kExp, [](double x) { return std::exp(x); }, 2);
  check(
      UnaryOp::kExpm1, [](double x) { return std::expm1(x); }, 3);
}

TEST_P(Simd, Logarithm) {
  check(
      UnaryOp::kLog, [](double x) { return std::log(x); }, 2, 127);
}

TEST_P(Simd, ErrorFunction) {
  check(
      UnaryOp::kErf, [](double x) { return std::erf(x); }, 2, 127);
}

TEST_P(Simd, Hyperbolic) {
  check(
      Activation{ActivationKind::kTanh}, [](double x) { return std::tanh(x); }, 3, 127);
}

TEST_P(Simd, Sigmoid) {
  const std::vector<float> x = samples(10);
  std::vector<float> y(x.size());
  activate_f32({ActivationKind::kSigmoid}, x.data(), y.data(), static_cast<std::int64_t>(x.size()), GetParam());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double want = 1 / (1 + std::exp(-static_cast<double>(x[i])));
    if (x[i] < -87) {
      EXPECT_NEAR(y[i], want, 1.2e-38);
    } else {
      EXPECT_LE(ulps(y[i], want), GetParam() == Isa::kScalar ? 4 : 3) << x[i];
    }
  }
}

TEST_P(Simd, Softplus) {
  check(
      {ActivationKind::kSoftplus}, [](double x) { return x > 40 ? x : std::log1p(std::exp(x)); }, 4);
}

TEST_P(Simd, Gelu) {
  const auto gelu = [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  check_absolute({ActivationKind::kGeluErf}, gelu, 2e-7);
  const auto gelu_tanh = [](double x) {
    return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  };
  check_absolute({ActivationKind::kGeluTanh}, gelu_tanh, 3e-7);
}

TEST_P(Simd, SwishAndMish) {
  const auto swish = [](double x) { return x / (1 + std::exp(-x)); };
  check_absolute({ActivationKind::kSwish, 1.0f}, swish, 3e-7);
  const auto mish = [](double x) { return x > 40 ? x : x * std::tanh(std::log1p(std::exp(x))); };
  check_absolute({ActivationKind::kMish}, mish, 5e-7);
}

TEST_P(Simd, Trigonometry) {
  const std::vector<float> x = samples(20);
  std::vector<float> s(x.size());
  std::vector<float> c(x.size());
  unary_f32(UnaryOp::kSin, 0, 0, x.data(), s.data(), static_cast<std::int64_t>(x.size()), GetParam());
  unary_f32(UnaryOp::kCos, 0, 0, x.data(), c.data(), static_cast<std::int64_t>(x.size()), GetParam());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) {
      EXPECT_TRUE(std::isnan(s[i]) && std::isnan(c[i]));
      continue;
    }
    // Without FMA the reduction rounds its products.
    const double bound = GetParam() == Isa::kScalar ? 1.5e-7 + 1e-7 * std::min(1.0, std::abs(x[i]) / 100.0) : 1.5e-7;
    ASSERT_NEAR(s[i], std::sin(static_cast<double>(x[i])), bound) << x[i];
    ASSERT_NEAR(c[i], std::cos(static_cast<double>(x[i])), bound) << x[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Simd, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
