// Layouts there and back, against index arithmetic.
#include "kernels/reorder/reorder.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace oriel::kernels {
namespace {

template <typename T>
void check(const ReorderShape& s, std::mt19937_64& random) {
  const std::int64_t blocks = (s.channels + 15) / 16;
  std::vector<T> plain(static_cast<std::size_t>(s.batch * s.channels * s.points));
  for (T& v : plain) v = static_cast<T>(1 + random() % 250);
  std::vector<T> blocked(static_cast<std::size_t>(s.batch * blocks * s.points * 16), static_cast<T>(255));
  std::vector<T> back(plain.size(), static_cast<T>(255));
  const std::int64_t units = reorder_units(s);
  for (std::int64_t u = units - 1; u >= 0; --u) plain_to_blocked(s, plain.data(), blocked.data(), u, u + 1);
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t c = 0; c < blocks * 16; ++c) {
      for (std::int64_t p = 0; p < s.points; ++p) {
        const T want = c < s.channels ? plain[(n * s.channels + c) * s.points + p] : T{};
        ASSERT_EQ(blocked[((n * blocks + c / 16) * s.points + p) * 16 + c % 16], want) << n << " " << c << " " << p;
      }
    }
  }
  blocked_to_plain(s, blocked.data(), back.data(), 0, units);
  ASSERT_EQ(plain, back);
}

TEST(Reorder, RandomShapes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 60; ++i) {
    ReorderShape s;
    s.batch = 1 + static_cast<std::int64_t>(random() % 3);
    s.channels = 1 + static_cast<std::int64_t>(random() % 40);
    s.points = 1 + static_cast<std::int64_t>(random() % (i % 10 == 0 ? 9000 : 70));
    check<float>(s, random);
    check<std::uint16_t>(s, random);
    check<std::uint8_t>(s, random);
    if (HasFatalFailure()) return;
  }
}

TEST(Reorder, EmptyHasNoUnits) {
  EXPECT_EQ(reorder_units({0, 3, 5}), 0);
  EXPECT_EQ(reorder_units({1, 3, 0}), 0);
}

}  // namespace
}  // namespace oriel::kernels
