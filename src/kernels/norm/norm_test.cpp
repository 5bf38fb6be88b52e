// Normalisations against the formulas in double.
#include "kernels/norm/norm.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class Norm : public ::testing::TestWithParam<Isa> {};

TEST_P(Norm, LayerAndRms) {
  std::mt19937 rng(1);
  for (const std::int64_t columns : {1, 3, 15, 16, 17, 64, 100, 768}) {
    for (int variant = 0; variant < 16; ++variant) {
      const std::int64_t rows = 3;
      const auto x = test::random_floats(rows * columns, rng, 1.0f, 3.0f);
      const auto residual = test::random_floats(rows * columns, rng);
      const auto residual_bias = test::random_floats(columns, rng);
      const auto scale = test::random_floats(columns, rng);
      const auto bias = test::random_floats(columns, rng);
      std::vector<float> y(x.size()), sum(x.size()), mean(3), inverse(3);
      LayerNorm n;
      n.x = x.data();
      n.y = y.data();
      n.columns = columns;
      n.epsilon = 1e-3f;
      n.rms = (variant & 1) != 0;
      if ((variant & 2) != 0) n.scale = scale.data();
      if ((variant & 6) != 0) n.bias = bias.data();
      if ((variant & 8) != 0) {
        n.residual = residual.data();
        n.residual_bias = residual_bias.data();
        if ((variant & 4) != 0) n.sum = sum.data();
      }
      n.mean = mean.data();
      n.inverse_deviation = inverse.data();
      layer_norm_f32(n, 1, rows, GetParam());
      layer_norm_f32(n, 0, 1, GetParam());
      for (std::int64_t r = 0; r < rows; ++r) {
        std::vector<double> v(static_cast<std::size_t>(columns));
        double m = 0;
        for (std::int64_t i = 0; i < columns; ++i) {
          v[i] = x[r * columns + i];
          if (n.residual != nullptr) v[i] += static_cast<double>(residual[r * columns + i]) + residual_bias[i];
          if (n.sum != nullptr) {
            EXPECT_NEAR(sum[r * columns + i], v[i], 1e-6);
          }
          m += v[i] / static_cast<double>(columns);
        }
        if (n.rms) m = 0;
        double variance = 0;
        for (const double e : v) variance += (e - m) * (e - m) / static_cast<double>(columns);
        const double deviation = std::sqrt(variance + n.epsilon);
        EXPECT_NEAR(mean[r], m, 2e-6);
        EXPECT_NEAR(inverse[r], 1 / deviation, 1e-5 / deviation);
        for (std::int64_t i = 0; i < columns; ++i) {
          const double want =
              (v[i] - m) / deviation * (n.scale != nullptr ? scale[i] : 1.0) + (n.bias != nullptr ? bias[i] : 0.0);
          ASSERT_NEAR(y[r * columns + i], want, 2e-5) << columns << " variant " << variant;
        }
      }
    }
  }
}

TEST_P(Norm, Groups) {
  std::mt19937 rng(2);
  for (const auto& [channels, groups, inner] :
       std::vector<std::array<std::int64_t, 3>>{{6, 6, 50}, {6, 1, 9}, {8, 4, 1}, {8, 2, 33}, {1, 1, 17}, {4, 4, 1}}) {
    for (const bool affine : {true, false}) {
      const std::int64_t outer = 2;
      const auto x = test::random_floats(outer * channels * inner, rng, -2, 5);
      const auto scale = test::random_floats(channels, rng);
      const auto bias = test::random_floats(channels, rng);
      std::vector<float> y(x.size());
      GroupNorm n;
      n.x = x.data();
      n.y = y.data();
      n.channels = channels;
      n.groups = groups;
      n.inner = inner;
      n.epsilon = 0.01f;
      n.activation = {ActivationKind::kSigmoid};
      if (affine) {
        n.scale = scale.data();
        n.bias = bias.data();
      }
      group_norm_f32(n, 0, outer * groups, GetParam());
      const std::int64_t per = channels / groups;
      for (std::int64_t g = 0; g < outer * groups; ++g) {
        double m = 0;
        double variance = 0;
        const auto count = static_cast<double>(per * inner);
        for (std::int64_t i = 0; i < per * inner; ++i) m += x[g * per * inner + i] / count;
        for (std::int64_t i = 0; i < per * inner; ++i) variance += std::pow(x[g * per * inner + i] - m, 2) / count;
        for (std::int64_t i = 0; i < per * inner; ++i) {
          const std::int64_t c = g % groups * per + i / inner;
          double want = (x[g * per * inner + i] - m) / std::sqrt(variance + 0.01);
          if (affine) want = want * scale[c] + bias[c];
          ASSERT_NEAR(y[g * per * inner + i], 1 / (1 + std::exp(-want)), 1e-5);
        }
      }
    }
  }
}

TEST_P(Norm, ChannelAffine) {
  std::mt19937 rng(3);
  for (const std::int64_t inner : {1, 2, 49}) {
    const std::int64_t channels = 21;
    const auto x = test::random_floats(2 * channels * inner, rng);
    const auto scale = test::random_floats(channels, rng);
    const auto bias = test::random_floats(channels, rng);
    std::vector<float> y(x.size());
    ChannelAffine n;
    n.x = x.data();
    n.y = y.data();
    n.channels = channels;
    n.inner = inner;
    n.scale = scale.data();
    n.bias = bias.data();
    n.activation = {ActivationKind::kRelu};
    channel_affine_f32(n, 0, inner == 1 ? 2 : 2 * channels, GetParam());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = i / static_cast<std::size_t>(inner) % static_cast<std::size_t>(channels);
      EXPECT_NEAR(y[i], std::max(0.0f, x[i] * scale[c] + bias[c]), 1e-6);
    }
  }
}

TEST_P(Norm, BlockedInstances) {
  std::mt19937 rng(9);
  for (const auto& [channels, inner] :
       std::vector<std::array<std::int64_t, 2>>{{16, 300}, {5, 7}, {37, 1}, {20, 1030}}) {
    const std::int64_t outer = 2;
    const std::int64_t blocks = (channels + 15) / 16;
    const auto values = test::random_floats(outer * channels * inner, rng, -2, 5);
    const auto scale = test::random_floats(channels, rng);
    const auto bias = test::random_floats(channels, rng);
    const auto at = [&, inner = inner](std::int64_t o, std::int64_t c, std::int64_t i) {
      return static_cast<std::size_t>(((o * blocks + c / 16) * inner + i) * 16 + c % 16);
    };
    std::vector<float> x(static_cast<std::size_t>(outer * blocks * inner * 16), 0.0f);
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t i = 0; i < inner; ++i)
          x[at(o, c, i)] = values[static_cast<std::size_t>((o * channels + c) * inner + i)];
      }
    }
    BlockedInstanceNorm n;
    n.x = n.y = x.data();
    n.channels = channels;
    n.inner = inner;
    n.scale = scale.data();
    n.bias = bias.data();
    n.epsilon = 0.01f;
    blocked_instance_norm_f32(n, 0, outer * blocks, GetParam());
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const float* v = values.data() + (o * channels + c) * inner;
        double mean = 0;
        double variance = 0;
        for (std::int64_t i = 0; i < inner; ++i) mean += v[i] / static_cast<double>(inner);
        for (std::int64_t i = 0; i < inner; ++i) variance += (v[i] - mean) * (v[i] - mean) / static_cast<double>(inner);
        const auto k = static_cast<std::size_t>(c);
        for (std::int64_t i = 0; i < inner; ++i) {
          ASSERT_NEAR(x[at(o, c, i)], (v[i] - mean) / std::sqrt(variance + 0.01) * scale[k] + bias[k], 1e-5)
              << channels << " " << inner;
        }
      }
      for (std::int64_t c = channels; c < blocks * 16; ++c) EXPECT_EQ(x[at(o, c, 0)], 0.0f);
    }
  }
}

TEST_P(Norm, LocalResponse) {
  std::mt19937 rng(4);
  for (const auto& [channels, size, inner] :
       std::vector<std::array<std::int64_t, 3>>{{5, 5, 7}, {32, 3, 20}, {17, 4, 1}, {1, 1, 9}, {3, 11, 600}}) {
    for (const float beta : {0.75f, 0.5f, 1.0f, 0.3f}) {
      for (const bool blocked : {false, true}) {
        const std::int64_t outer = 2;
        const std::int64_t stored = blocked ? (channels + 15) / 16 * 16 : channels;
        const auto at = [&, channels = channels, inner = inner](std::int64_t o, std::int64_t c, std::int64_t i) {
          if (blocked) return ((o * stored / 16 + c / 16) * inner + i) * 16 + c % 16;
          return (o * channels + c) * inner + i;
        };
        std::vector<float> x(static_cast<std::size_t>(outer * stored * inner), 0.0f);
        const auto values = test::random_floats(outer * channels * inner, rng, -3, 3);
        for (std::int64_t k = 0; k < outer * channels * inner; ++k) {
          x[static_cast<std::size_t>(at(k / inner / channels, k / inner % channels, k % inner))] =
              values[static_cast<std::size_t>(k)];
        }
        std::vector<float> y(x.size(), -1.0f);
        Lrn n;
        n.x = x.data();
        n.y = y.data();
        n.channels = channels;
        n.inner = inner;
        n.size = size;
        n.alpha = 0.2f;
        n.beta = beta;
        n.bias = 1.5f;
        n.blocked = blocked;
        std::vector<float> scratch(static_cast<std::size_t>(lrn_scratch_floats(n)) + 1);
        lrn_f32(n, 0, inner + inner / 2, scratch.data(), GetParam());
        lrn_f32(n, inner + inner / 2, outer * inner, scratch.data(), GetParam());
        for (std::int64_t k = 0; k < outer * channels * inner; ++k) {
          const std::int64_t o = k / inner / channels;
          const std::int64_t c = k / inner % channels;
          double sum = 0;
          for (std::int64_t d = -((size - 1) / 2); d <= size / 2; ++d) {
            if (c + d >= 0 && c + d < channels)
              sum += std::pow(static_cast<double>(values[static_cast<std::size_t>(k + d * inner)]), 2);
          }
          const double want =
              values[static_cast<std::size_t>(k)] / std::pow(1.5 + 0.2f / static_cast<double>(size) * sum, beta);
          ASSERT_NEAR(y[static_cast<std::size_t>(at(o, c, k % inner))], want, 2e-6)
              << channels << " " << size << " beta " << beta << " blocked " << blocked;
        }
        for (std::int64_t c = channels; c < stored; ++c) EXPECT_EQ(y[static_cast<std::size_t>(at(1, c, 0))], 0.0f);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Norm, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
