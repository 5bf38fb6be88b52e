// Streams of random numbers: MT19937 (Matsumoto and Nishimura, 1998) in blocks, and reals made of its words.
#pragma once

#include <cstdint>

namespace oriel::kernels {

/// Real numbers from the words of MT19937, started from a seed as the generator's authors do (the sequence of
/// std::mt19937). Not for two threads at once.
class RandomStream {
 public:
  explicit RandomStream(std::uint32_t seed);

  /// The next n numbers, uniform on [0, 1) with 53 bits from two words each: (a * 2^26 + b) / 2^53 with a the upper 27
  /// bits of the first word and b the upper 26 bits of the second.
  void uniform(double* out, std::int64_t n);
  /// The next n standard normal numbers by Marsaglia's polar method; of each pair the second comes first. A pair's rest
  /// is kept for the next call.
  void normal(double* out, std::int64_t n);

 private:
  static constexpr int kWords = 624;
  static constexpr int kReals = kWords / 2;
  void refill();
  double next() {
    if (used_ == kReals) refill();
    return reals_[used_++];
  }

  std::uint32_t state_[kWords];
  double reals_[kReals];  // of the words of one state
  int used_ = kReals;
  bool spared_ = false;
  double spare_ = 0;
};

}  // namespace oriel::kernels
