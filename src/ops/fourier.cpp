// The discrete Fourier transform by decimation in time, over any factors.
#include "ops/fourier.h"

#include <cmath>
#include <numbers>

namespace oriel::ops {

Fourier::Fourier(std::int64_t length, bool inverse)
    : length_(length),
      inverse_(inverse),
      roots_(static_cast<std::size_t>(length)),
      column_(static_cast<std::size_t>(length)) {
  for (std::int64_t k = 0; k < length; ++k) {
    const double angle =
        (inverse ? 2.0 : -2.0) * std::numbers::pi * static_cast<double>(k) / static_cast<double>(length);
    roots_[static_cast<std::size_t>(k)] = std::polar(1.0, angle);
  }
}

void Fourier::transform(const std::vector<std::complex<double>>& x, std::vector<std::complex<double>>& y) {
  if (length_ == 0) return;
  step(x.data(), 1, y.data(), length_);
  if (!inverse_) return;
  for (std::int64_t k = 0; k < length_; ++k) y[static_cast<std::size_t>(k)] /= static_cast<double>(length_);
}

void Fourier::step(const std::complex<double>* x, std::int64_t stride, std::complex<double>* y, std::int64_t n) {
  if (n == 1) {
    *y = *x;
    return;
  }
  std::int64_t factor = 2;
  while (n % factor != 0) factor = factor * factor > n ? n : factor + 1;
  const std::int64_t part = n / factor;
  for (std::int64_t r = 0; r < factor; ++r) step(x + r * stride, stride * factor, y + r * part, part);
  const std::int64_t scale = length_ / n;
  for (std::int64_t k = 0; k < part; ++k) {
    for (std::int64_t r = 0; r < factor; ++r) column_[static_cast<std::size_t>(r)] = y[r * part + k];
    for (std::int64_t q = 0; q < factor; ++q) {
      const std::int64_t at = q * part + k;
      std::complex<double> sum = 0;
      for (std::int64_t r = 0; r < factor; ++r) {
        sum += column_[static_cast<std::size_t>(r)] * roots_[static_cast<std::size_t>(r * at % n * scale)];
      }
      y[at] = sum;
    }
  }
}

}  // namespace oriel::ops
