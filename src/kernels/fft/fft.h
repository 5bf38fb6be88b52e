// Fast complex Fourier transforms of any length in f32.
#pragma once

#include <cstdint>
#include <vector>

namespace oriel::kernels {

/// The transforms of one length: y[k] = sum of x[n] * exp(-2 pi i k n / N) for k, n below N; the inverse has the
/// opposite sign and is not divided by N. Steps of 4, 2, 3, 5 and other prime factors, each from one buffer to another
/// (Stockham); a prime factor p above 5 costs p * N. Numeric promise: f32 throughout, roots rounded from f64.
class Fft {
 public:
  /// `length` is 1 or more.
  Fft(std::int64_t length, bool inverse);
  std::int64_t length() const { return length_; }
  /// Replaces `length` complex numbers, real and imaginary parts in turn, by their transform; `work` has room for as
  /// many.
  void run(float* data, float* work) const;

 private:
  struct Step {
    std::int64_t factor;
    std::int64_t before;  ///< product of the factors before
    std::int64_t after;   ///< product of the factors behind
  };
  std::int64_t length_;
  float sign_;
  std::vector<Step> steps_;
  std::vector<float> roots_;  ///< exp(sign 2 pi i k / N), in pairs
};

}  // namespace oriel::kernels
