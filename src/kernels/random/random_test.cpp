// Streams of random numbers against the standard library's generator and the formulas.
#include "kernels/random/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace oriel::kernels {
namespace {

double plain_uniform(std::mt19937& words) {
  const auto high = static_cast<double>(words() >> 5);
  const auto low = static_cast<double>(words() >> 6);
  return (high * 0x1p26 + low) * 0x1p-53;
}

TEST(RandomStream, UniformIsThatOfTheStandardGenerator) {
  for (const std::uint32_t seed : {0U, 1U, 5489U, 4294967295U}) {
    RandomStream stream(seed);
    std::mt19937 words(seed);
    for (const std::int64_t n : {1, 0, 310, 2, 312, 313, 1000}) {
      std::vector<double> got(static_cast<std::size_t>(n));
      stream.uniform(got.data(), n);
      for (const double v : got) ASSERT_EQ(v, plain_uniform(words)) << seed;
    }
  }
}

TEST(RandomStream, NormalIsThePolarMethod) {
  RandomStream stream(7);
  std::mt19937 words(7);
  std::vector<double> wanted;
  while (wanted.size() < 4000) {
    const double a = 2 * plain_uniform(words) - 1;
    const double b = 2 * plain_uniform(words) - 1;
    const double square = a * a + b * b;
    if (square >= 1 || square == 0) continue;
    const double factor = std::sqrt(-2 * std::log(square) / square);
    wanted.push_back(factor * b);
    wanted.push_back(factor * a);
  }
  std::size_t at = 0;
  for (const std::int64_t n : {1, 2, 0, 5, 700, 1, 1001}) {
    std::vector<double> got(static_cast<std::size_t>(n));
    stream.normal(got.data(), n);
    for (const double v : got) ASSERT_DOUBLE_EQ(v, wanted[at++]);
  }
}

}  // namespace
}  // namespace oriel::kernels
