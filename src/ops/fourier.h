// The discrete Fourier transform that DFT and STFT share.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

namespace oriel::ops {

/// y[k] = sum of x[n] * exp(-2 pi i k n / N) for k, n below N; the inverse has the opposite sign and divides by N.
/// N is split into its prime factors; a prime factor p costs p * N.
class Fourier {
 public:
  Fourier(std::int64_t length, bool inverse);
  std::int64_t length() const { return length_; }
  /// Transforms `length` values. Neither vector is the other.
  void transform(const std::vector<std::complex<double>>& x, std::vector<std::complex<double>>& y);

 private:
  void step(const std::complex<double>* x, std::int64_t stride, std::complex<double>* y, std::int64_t n);

  std::int64_t length_;
  bool inverse_;
  std::vector<std::complex<double>> roots_;
  std::vector<std::complex<double>> column_;
};

}  // namespace oriel::ops
