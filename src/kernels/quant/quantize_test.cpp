// Quantisation, dequantisation and fake quantisation against their formulas.
#include "kernels/quant/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/quant/byte_table.h"
#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class Quantize : public ::testing::TestWithParam<Isa> {};

constexpr QuantizeShape kShapes[] = {{1, 1, 1}, {1, 1, 37}, {3, 5, 1}, {2, 33, 1}, {2, 3, 50}, {1, 2, 5000}, {2, 0, 4}};

template <typename T>
void check(ElementType type, Isa isa, bool narrow) {
  std::mt19937 rng(1);
  for (const QuantizeShape& s : kShapes) {
    for (const bool with_zeros : {true, false}) {
      const std::int64_t n = s.outer * s.axis * s.inner;
      auto x = test::random_floats(n, rng, -40, 40);
      for (float& v : x) v = rng() % 5 == 0 ? std::round(v) + 0.5f : v;
      auto scales = test::random_floats(s.axis, rng, 0.05f, 0.3f);
      if (n % 2 == 0) std::fill(scales.begin(), scales.end(), 1.0f);
      std::vector<std::int32_t> zeros(static_cast<std::size_t>(s.axis));
      for (auto& z : zeros) z = static_cast<T>(rng());
      const std::int32_t* zero = with_zeros ? zeros.data() : nullptr;
      const std::int64_t units = quantize_units(s);
      const auto at = [&](std::int64_t i) { return i / s.inner % s.axis; };
      if (narrow) {
        std::vector<T> q(static_cast<std::size_t>(n));
        quantize_f32(s, type, x.data(), scales.data(), zero, q.data(), units / 2, units, isa);
        quantize_f32(s, type, x.data(), scales.data(), zero, q.data(), 0, units / 2, isa);
        for (std::int64_t i = 0; i < n; ++i) {
          const double want = std::nearbyint(x[i] / scales[at(i)]) + (with_zeros ? zeros[at(i)] : 0);
          ASSERT_EQ(static_cast<double>(q[i]),
                    std::clamp<double>(want, std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max()));
        }
      }
      std::vector<T> q(static_cast<std::size_t>(n));
      for (auto& v : q)
        v = static_cast<T>(sizeof(T) == 4 ? static_cast<int>(rng() % 100000) - 50000 : static_cast<int>(rng()));
      std::vector<float> y(static_cast<std::size_t>(n));
      dequantize_f32(s, type, q.data(), scales.data(), zero, y.data(), 0, units, isa);
      for (std::int64_t i = 0; i < n; ++i) {
        const float want =
            static_cast<float>(static_cast<std::int64_t>(q[i]) - (with_zeros ? zeros[at(i)] : 0)) * scales[at(i)];
        ASSERT_FLOAT_EQ(y[i], want);
      }
    }
  }
}

TEST_P(Quantize, BytesByTable) {
  std::mt19937 rng(3);
  std::vector<std::uint8_t> table(256);
  for (auto& v : table) v = static_cast<std::uint8_t>(rng());
  for (const std::int64_t n : {0, 1, 63, 64, 65, 1000}) {
    std::vector<std::uint8_t> x(static_cast<std::size_t>(n) + 1);
    for (auto& v : x) v = static_cast<std::uint8_t>(rng());
    std::vector<std::uint8_t> y = x;
    map_bytes(table.data(), y.data(), y.data(), n, GetParam());
    for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(y[i], table[x[i]]) << n;
    ASSERT_EQ(y[n], x[n]);
  }
}

TEST_P(Quantize, EveryType) {
  check<std::uint8_t>(ElementType::kU8, GetParam(), true);
  check<std::int8_t>(ElementType::kI8, GetParam(), true);
  check<std::uint16_t>(ElementType::kU16, GetParam(), true);
  check<std::int16_t>(ElementType::kI16, GetParam(), true);
}

TEST_P(Quantize, FromI32) {
  const std::int32_t x[] = {-70000, 5, 70000};
  const float scale = 0.5f;
  float y[3];
  dequantize_f32({1, 1, 3}, ElementType::kI32, x, &scale, nullptr, y, 0, 1, GetParam());
  EXPECT_EQ(y[0], -35000.0f);
  EXPECT_EQ(y[1], 2.5f);
  EXPECT_EQ(y[2], 35000.0f);
}

TEST_P(Quantize, SaturatesAndSurvivesNaN) {
  const float x[] = {1e30f, -1e30f, INFINITY, -INFINITY, NAN};
  const float scale = 0.01f;
  std::uint8_t y[5];
  quantize_f32({1, 1, 5}, ElementType::kU8, x, &scale, nullptr, y, 0, 1, GetParam());
  EXPECT_EQ(y[0], 255);
  EXPECT_EQ(y[1], 0);
  EXPECT_EQ(y[2], 255);
  EXPECT_EQ(y[3], 0);
  EXPECT_EQ(y[4], 0);
}

TEST_P(Quantize, DynamicParameters) {
  std::mt19937 rng(2);
  const auto x = test::random_floats(77, rng, -1.5f, 4.0f);
  float low = 9;
  float high = 9;
  range_with_zero_f32(x.data(), 77, &low, &high, GetParam());
  EXPECT_EQ(low, *std::min_element(x.begin(), x.end()));
  EXPECT_EQ(high, *std::max_element(x.begin(), x.end()));
  float scale = 0;
  std::int32_t zero = -1;
  dynamic_parameters_u8(-1.0f, 3.0f, &scale, &zero);
  EXPECT_FLOAT_EQ(scale, 4.0f / 255);
  EXPECT_EQ(zero, 64);
  dynamic_parameters_u8(0.0f, 0.0f, &scale, &zero);
  EXPECT_EQ(zero, 0);
  const float positive[] = {2, 3};
  range_with_zero_f32(positive, 2, &low, &high, GetParam());
  EXPECT_EQ(low, 0.0f);
  EXPECT_EQ(high, 3.0f);
}

TEST_P(Quantize, Fake) {
  std::mt19937 rng(3);
  for (const QuantizeShape& s : kShapes) {
    const std::int64_t n = s.outer * s.axis * s.inner;
    const auto x = test::random_floats(n, rng, -3, 3);
    const auto il = test::random_floats(s.axis, rng, -2, -1);
    const auto ih = test::random_floats(s.axis, rng, 1, 2);
    const auto ol = test::random_floats(s.axis, rng, -4, 0);
    const auto oh = test::random_floats(s.axis, rng, 1, 4);
    FakeQuantize f{il.data(), ih.data(), ol.data(), oh.data(), 16};
    std::vector<float> y(static_cast<std::size_t>(n));
    fake_quantize_f32(s, f, x.data(), y.data(), 0, quantize_units(s), GetParam());
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t a = i / s.inner % s.axis;
      const float level = (x[i] - il[a]) / (ih[a] - il[a]) * 15;
      if (std::abs(level - std::floor(level) - 0.5f) < 1e-4f) continue;  // a tie within rounding
      double want = std::nearbyint(level) / 15 * (oh[a] - ol[a]) + ol[a];
      if (x[i] <= il[a]) want = ol[a];
      if (x[i] > ih[a]) want = oh[a];
      ASSERT_NEAR(y[i], want, 2e-6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Quantize, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

TEST(ByteSoftmax, WithinOneStep) {
  std::mt19937 random(11);
  for (const std::int64_t n : {1, 2, 15, 16, 17, 63, 197, 1000, 5000}) {
    for (int round = 0; round < 8; ++round) {
      ByteSoftmax f;
      const double scale = round % 2 == 0 ? 0.03 : 0.7;
      for (int i = 0; i < 256; ++i) f.powers[i] = static_cast<float>(std::exp(-i * scale));
      f.x_signed = (round & 2) != 0;
      f.y_signed = (round & 4) != 0;
      f.y_scale = n < 20 ? 1.0F / 255 : 1.0F / 2000;
      f.y_zero = f.y_signed ? -128 : 0;
      std::vector<std::uint8_t> x(static_cast<std::size_t>(n));
      for (std::uint8_t& v : x) v = static_cast<std::uint8_t>(random() % 200);
      const auto value = [&](std::uint8_t v) { return f.x_signed ? static_cast<std::int8_t>(v) : static_cast<int>(v); };
      double sum = 0;
      int most = -128;
      for (const std::uint8_t v : x) most = std::max(most, value(v));
      for (const std::uint8_t v : x) sum += std::exp((value(v) - most) * scale);
      for (const Isa isa : {Isa::kScalar, hardware_isa()}) {
        std::vector<std::uint8_t> y(x.size() + 1, 77);
        byte_softmax(f, x.data(), y.data(), n, isa);
        EXPECT_EQ(y.back(), 77);
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double exact = std::exp((value(x[i]) - most) * scale) / sum / static_cast<double>(f.y_scale) + f.y_zero;
          const double low = f.y_signed ? -128 : 0;
          const int got = f.y_signed ? static_cast<std::int8_t>(y[i]) : static_cast<int>(y[i]);
          ASSERT_NEAR(got, std::clamp(exact, low, low + 255), 0.501) << n << " " << isa_name(isa);
        }
      }
    }
  }
}

}  // namespace
}  // namespace oriel::kernels
