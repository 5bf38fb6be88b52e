// Strided copies against index arithmetic, for every element size.
#include "kernels/transpose/strided_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/test_support.h"

namespace oriel::kernels {
namespace {

class Copies : public ::testing::TestWithParam<Isa> {};

void fill(std::vector<char>& bytes, std::mt19937& rng) {
  for (char& c : bytes) c = static_cast<char>(rng());
}

TEST_P(Copies, Transposes) {
  std::mt19937 rng(1);
  const std::int64_t extents[] = {1, 2, 3, 4, 8, 16, 17, 33};
  for (int round = 0; round < 400; ++round) {
    const int element = 1 << (rng() % 5);
    const int rank = static_cast<int>(rng() % 6);
    std::vector<std::int64_t> extent;
    std::int64_t n = 1;
    for (int i = 0; i < rank; ++i) {
      std::int64_t e = extents[rng() % (n > 3000 ? 3 : 8)];
      if (rng() % 60 == 0) e = 0;
      extent.push_back(e);
      n *= e;
    }
    std::vector<int> order(static_cast<std::size_t>(rank));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), rng);
    std::vector<char> x(static_cast<std::size_t>(n * element));
    fill(x, rng);
    std::vector<char> y(x.size() + 1, 0);
    const StridedCopy p = plan_transpose(rank, extent.data(), order.data(), element);
    strided_copy(p, x.data(), y.data(), p.units / 3, p.units, GetParam());
    strided_copy(p, x.data(), y.data(), 0, p.units / 3, GetParam());
    for (std::int64_t at = 0; at < n; ++at) {
      std::int64_t rest = at;
      std::int64_t from = 0;
      for (int i = rank - 1; i >= 0; --i) {
        const std::int64_t e = extent[static_cast<std::size_t>(order[i])];
        std::int64_t stride = 1;
        for (int j = order[i] + 1; j < rank; ++j) stride *= extent[j];
        from += rest % e * stride;
        rest /= e;
      }
      ASSERT_EQ(std::memcmp(y.data() + at * element, x.data() + from * element, static_cast<std::size_t>(element)), 0)
          << "element " << element << " at " << at;
    }
  }
}

TEST_P(Copies, SlicesExpandsAndReversals) {
  std::mt19937 rng(2);
  for (int round = 0; round < 300; ++round) {
    const int element = 1 << (rng() % 5);
    const int rank = 1 + static_cast<int>(rng() % 4);
    std::int64_t extent[4];
    std::int64_t from[4];
    std::int64_t to[4];
    std::int64_t x_size = 1;
    std::int64_t y_size = 1;
    std::int64_t origin = 0;
    for (int i = rank - 1; i >= 0; --i) {
      extent[i] = 1 + static_cast<std::int64_t>(rng() % 7);
      const auto step = static_cast<std::int64_t>(rng() % 3);
      from[i] = step * x_size;
      if (step > 0 && rng() % 4 == 0) {
        from[i] = -from[i];
        origin += -from[i] * (extent[i] - 1);
      }
      x_size *= step == 0 ? 1 : extent[i] * step;
      to[i] = y_size;
      y_size *= extent[i] + static_cast<std::int64_t>(rng() % 2);
    }
    std::vector<char> x(static_cast<std::size_t>(x_size * element));
    fill(x, rng);
    std::vector<char> y(static_cast<std::size_t>(y_size * element), 0);
    std::vector<char> want = y;
    const StridedCopy p = plan_strided_copy(rank, extent, from, to, element);
    strided_copy(p, x.data() + origin * element, y.data(), 0, p.units, GetParam());
    std::int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= extent[i];
    for (std::int64_t at = 0; at < n; ++at) {
      std::int64_t rest = at;
      std::int64_t a = origin;
      std::int64_t b = 0;
      for (int i = rank - 1; i >= 0; --i) {
        a += rest % extent[i] * from[i];
        b += rest % extent[i] * to[i];
        rest /= extent[i];
      }
      std::memcpy(want.data() + b * element, x.data() + a * element, static_cast<std::size_t>(element));
    }
    ASSERT_EQ(y, want);
  }
}

TEST_P(Copies, LongRunsSplit) {
  std::vector<char> x(1 << 20);
  std::mt19937 rng(3);
  fill(x, rng);
  std::vector<char> y(x.size());
  const std::int64_t extent[] = {1 << 20};
  const std::int64_t stride[] = {1};
  const StridedCopy p = plan_strided_copy(1, extent, stride, stride, 1);
  EXPECT_GE(p.units, 8);
  for (std::int64_t u = 0; u < p.units; ++u) strided_copy(p, x.data(), y.data(), u, u + 1, GetParam());
  EXPECT_EQ(x, y);
}

TEST(Gather, NegativeAndOutOfRange) {
  const float table[] = {0, 1, 10, 11, 20, 21};
  const std::int64_t wide[] = {2, -3, 1, 3};
  float out[8] = {};
  EXPECT_TRUE(gather_rows(table, 3, 8, wide, true, 0, 3, out));
  EXPECT_EQ(std::vector<float>(out, out + 6), (std::vector<float>{20, 21, 0, 1, 10, 11}));
  EXPECT_FALSE(gather_rows(table, 3, 8, wide, true, 3, 4, out));
  const std::int32_t narrow[] = {5, -7};
  EXPECT_TRUE(gather_rows(table, 6, 4, narrow, false, 0, 1, out));
  EXPECT_EQ(out[0], 21);
  EXPECT_FALSE(gather_rows(table, 6, 4, narrow, false, 1, 2, out));
}

INSTANTIATE_TEST_SUITE_P(Levels, Copies, ::testing::ValuesIn(test::levels({Isa::kScalar, Isa::kAvx2, Isa::kAvx512})),
                         test::level_name);

}  // namespace
}  // namespace oriel::kernels
