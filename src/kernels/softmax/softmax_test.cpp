// Softmax and its logarithm against the formula in double.
#include "kernels/softmax/softmax.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class Softmax : public ::testing::TestWithParam<Isa> {};

TEST_P(Softmax, AgainstFormula) {
  std::mt19937 rng(1);
  for (const SoftmaxShape s : {SoftmaxShape{3, 1, 1},
                               {2, 7, 1},
                               {5, 16, 1},
                               {2, 33, 1},
                               {4, 1000, 1},
                               {2, 128, 1},
                               {1, 5, 3},
                               {2, 9, 16},
                               {3, 4, 65},
                               {2, 3, 200},
                               {0, 5, 1},
                               {2, 0, 3},
                               {2, 3, 0}}) {
    const std::int64_t n = s.outer * s.axis * s.inner;
    auto x = test::random_floats(n, rng, -20, 20);
    for (const bool log : {false, true}) {
      std::vector<float> y(x.size(), -1.0f);
      const std::int64_t units = softmax_units(s);
      const auto run = log ? log_softmax_f32 : softmax_f32;
      run(s, x.data(), y.data(), units / 2, units, GetParam());
      run(s, x.data(), y.data(), 0, units / 2, GetParam());
      std::vector<float> in_place = x;
      run(s, in_place.data(), in_place.data(), 0, units, GetParam());
      EXPECT_EQ(in_place, y);
      for (std::int64_t o = 0; o < s.outer; ++o) {
        for (std::int64_t i = 0; i < s.inner; ++i) {
          double top = -INFINITY;
          double sum = 0;
          const auto at = [&](std::int64_t a) { return (o * s.axis + a) * s.inner + i; };
          for (std::int64_t a = 0; a < s.axis; ++a) top = std::max<double>(top, x[at(a)]);
          for (std::int64_t a = 0; a < s.axis; ++a) sum += std::exp(x[at(a)] - top);
          for (std::int64_t a = 0; a < s.axis; ++a) {
            const double want = log ? x[at(a)] - top - std::log(sum) : std::exp(x[at(a)] - top) / sum;
            ASSERT_NEAR(y[at(a)], want, log ? 1e-5 : 1e-6 * want + 1e-12);
          }
        }
      }
    }
  }
}

TEST_P(Softmax, MaskedAndNaN) {
  std::vector<float> x = {1.0f, -INFINITY, 2.0f, -INFINITY, 0.0f};
  std::vector<float> y(5);
  softmax_f32({1, 5, 1}, x.data(), y.data(), 0, 1, GetParam());
  EXPECT_EQ(y[1], 0.0f);
  EXPECT_EQ(y[3], 0.0f);
  EXPECT_NEAR(y[0] + y[2] + y[4], 1.0f, 1e-6f);
  for (std::int64_t inner : {1, 2}) {
    std::vector<float> z(static_cast<std::size_t>(40 * inner), 0.5f);
    z[static_cast<std::size_t>(11 * inner)] = NAN;
    softmax_f32({1, 40, inner}, z.data(), z.data(), 0, 1, GetParam());
    for (std::int64_t i = 0; i < 40; ++i) EXPECT_TRUE(std::isnan(z[static_cast<std::size_t>(i * inner)]));
    if (inner == 2) {
      EXPECT_NEAR(z[1], 1.0f / 40, 1e-6f);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Softmax, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
