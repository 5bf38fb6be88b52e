// MT19937 in loops over whole states.
#include <cmath>
#include <cstring>

#include "kernels/random/random.h"

namespace oriel::kernels {
namespace {

constexpr int kMiddle = 397;

// What a word's upper bit and the next word's lower bits add to the word in the middle.
std::uint32_t twist(std::uint32_t here, std::uint32_t next) {
  const std::uint32_t y = (here & 0x80000000U) | (next & 0x7fffffffU);
  return (y >> 1) ^ ((0U - (y & 1U)) & 0x9908b0dfU);
}

std::uint32_t temper(std::uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680U;
  y ^= (y << 15) & 0xefc60000U;
  return y ^ (y >> 18);
}

}  // namespace

RandomStream::RandomStream(std::uint32_t seed) {
  state_[0] = seed;
  for (std::uint32_t i = 1; i < kWords; ++i) state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
}

void RandomStream::refill() {
  std::uint32_t* s = state_;
  for (int i = 0; i < kWords - kMiddle; ++i) s[i] = s[i + kMiddle] ^ twist(s[i], s[i + 1]);
  for (int i = kWords - kMiddle; i < kWords - 1; ++i) s[i] = s[i + kMiddle - kWords] ^ twist(s[i], s[i + 1]);
  s[kWords - 1] = s[kMiddle - 1] ^ twist(s[kWords - 1], s[0]);
  std::int32_t high[kReals];
  std::int32_t low[kReals];
  for (int i = 0; i < kReals; ++i) {
    high[i] = static_cast<std::int32_t>(temper(s[2 * i]) >> 5);
    low[i] = static_cast<std::int32_t>(temper(s[2 * i + 1]) >> 6);
  }
  for (int i = 0; i < kReals; ++i)
    reals_[i] = (static_cast<double>(high[i]) * 0x1p26 + static_cast<double>(low[i])) * 0x1p-53;
  used_ = 0;
}

void RandomStream::uniform(double* out, std::int64_t n) {
  while (n > 0) {
    if (used_ == kReals) refill();
    const std::int64_t count = n < kReals - used_ ? n : kReals - used_;
    std::memcpy(out, reals_ + used_, static_cast<std::size_t>(count) * sizeof(double));
    used_ += static_cast<int>(count);
    out += count;
    n -= count;
  }
}

void RandomStream::normal(double* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    if (spared_) {
      out[i] = spare_;
      spared_ = false;
      continue;
    }
    double a = 0;
    double b = 0;
    double square = 0;
    do {
      a = 2.0 * next() - 1.0;
      b = 2.0 * next() - 1.0;
      square = a * a + b * b;
    } while (square >= 1.0 || square == 0.0);
    const double factor = std::sqrt(-2.0 * std::log(square) / square);
    out[i] = factor * b;
    spare_ = factor * a;
    spared_ = true;
  }
}

}  // namespace oriel::kernels
