// Transforms of many lengths against sums in f64.
#include "kernels/fft/fft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <random>
#include <vector>

namespace oriel::kernels {
namespace {

void check(std::int64_t length, bool inverse) {
  const auto n = static_cast<std::size_t>(length);
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> data(2 * n);
  for (float& v : data) v = uniform(random);
  const std::vector<float> given = data;
  std::vector<float> work(2 * n);
  const Fft fft(length, inverse);
  ASSERT_EQ(fft.length(), length);
  fft.run(data.data(), work.data());
  double largest = 0;
  double error = 0;
  for (std::size_t k = 0; k < n; ++k) {
    std::complex<double> sum = 0;
    for (std::size_t m = 0; m < n; ++m) {
      const double turns = static_cast<double>(k * m % n) / static_cast<double>(n);
      sum += std::complex<double>(given[2 * m], given[2 * m + 1]) *
             std::polar(1.0, (inverse ? 2 : -2) * std::numbers::pi * turns);
    }
    largest = std::max(largest, std::abs(sum));
    error = std::max({error, std::abs(sum.real() - data[2 * k]), std::abs(sum.imag() - data[2 * k + 1])});
  }
  EXPECT_LE(error, 2e-6 * largest) << "length " << length << (inverse ? ", inverse" : "");
}

TEST(Fft, LengthsUpToThreeHundred) {
  for (std::int64_t length = 1; length <= 300; ++length) {
    check(length, false);
    check(length, true);
  }
}

TEST(Fft, LongLengths) {
  for (const std::int64_t length : {512, 1024, 1009, 1155, 2000, 2 * 991}) check(length, length % 2 == 0);
}

}  // namespace
}  // namespace oriel::kernels
