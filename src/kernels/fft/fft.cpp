// Decimation in frequency: a step makes `factor` interleaved transforms of every group of its input.
#include "kernels/fft/fft.h"

#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

namespace oriel::kernels {
namespace {

struct Complex {
  float re;
  float im;
};

Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
Complex operator*(float a, Complex b) { return {a * b.re, a * b.im}; }
/// i * s * a
Complex turned(Complex a, float s) { return {-s * a.im, s * a.re}; }

Complex root_of(std::int64_t k, std::int64_t n, float sign) {
  const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
  return {static_cast<float>(std::cos(angle)), sign * static_cast<float>(std::sin(angle))};
}

// Butterflies: y[u] = sum of x[b] * exp(sign 2 pi i u b / P).
template <int P>
struct Butterfly;

template <>
struct Butterfly<2> {
  explicit Butterfly(float) {}
  void operator()(const Complex* x, Complex* y) const {
    y[0] = x[0] + x[1];
    y[1] = x[0] - x[1];
  }
};

template <>
struct Butterfly<3> {
  explicit Butterfly(float sign) : w(root_of(1, 3, sign)) {}
  void operator()(const Complex* x, Complex* y) const {
    const Complex sum = x[1] + x[2];
    const Complex even = x[0] + w.re * sum;
    const Complex odd = turned(x[1] - x[2], w.im);
    y[0] = x[0] + sum;
    y[1] = even + odd;
    y[2] = even - odd;
  }
  Complex w;
};

template <>
struct Butterfly<4> {
  explicit Butterfly(float s) : sign(s) {}
  void operator()(const Complex* x, Complex* y) const {
    const Complex a = x[0] + x[2];
    const Complex b = x[0] - x[2];
    const Complex c = x[1] + x[3];
    const Complex d = turned(x[1] - x[3], sign);
    y[0] = a + c;
    y[1] = b + d;
    y[2] = a - c;
    y[3] = b - d;
  }
  float sign;
};

template <>
struct Butterfly<5> {
  explicit Butterfly(float sign) : first(root_of(1, 5, sign)), second(root_of(2, 5, sign)) {}
  void operator()(const Complex* x, Complex* y) const {
    const Complex outer = x[1] + x[4];
    const Complex inner = x[2] + x[3];
    const Complex outer_gap = x[1] - x[4];
    const Complex inner_gap = x[2] - x[3];
    y[0] = x[0] + outer + inner;
    const auto pair = [&](Complex& low, Complex& high, float a, float b, float c, float d) {
      const Complex even = x[0] + a * outer + b * inner;
      const Complex odd = turned(c * outer_gap + d * inner_gap, 1);
      low = even + odd;
      high = even - odd;
    };
    pair(y[1], y[4], first.re, second.re, first.im, second.im);
    pair(y[2], y[3], second.re, first.re, second.im, -first.im);
  }
  Complex first;
  Complex second;
};

// x[before][P][after] to y[P][before][after]; what stands at place a of output u is turned by u * a * before roots.
template <int P>
void step(const Complex* x, Complex* y, std::int64_t before, std::int64_t after, const Complex* roots, float sign) {
  const Butterfly<P> butterfly(sign);
  for (std::int64_t c = 0; c < before; ++c) {
    for (std::int64_t a = 0; a < after; ++a) {
      Complex in[P];
      Complex out[P];
      for (int b = 0; b < P; ++b) in[b] = x[(c * P + b) * after + a];
      butterfly(in, out);
      y[c * after + a] = out[0];
      for (int u = 1; u < P; ++u) {
        y[(u * before + c) * after + a] = a == 0 ? out[u] : out[u] * roots[u * a * before];
      }
    }
  }
}

void step_of_any(const Complex* x, Complex* y, std::int64_t factor, std::int64_t before, std::int64_t after,
                 const Complex* roots) {
  const std::int64_t length = factor * before * after;
  for (std::int64_t c = 0; c < before; ++c) {
    for (std::int64_t a = 0; a < after; ++a) {
      for (std::int64_t u = 0; u < factor; ++u) {
        Complex sum = x[c * factor * after + a];
        for (std::int64_t b = 1; b < factor; ++b) {
          sum = sum + x[(c * factor + b) * after + a] * roots[u * b % factor * (length / factor)];
        }
        y[(u * before + c) * after + a] = a == 0 || u == 0 ? sum : sum * roots[u * a * before];
      }
    }
  }
}

}  // namespace

Fft::Fft(std::int64_t length, bool inverse)
    : length_(length), sign_(inverse ? 1.0F : -1.0F), roots_(static_cast<std::size_t>(2 * length)) {
  for (std::int64_t k = 0; k < length; ++k) {
    const Complex root = root_of(k, length, sign_);
    roots_[static_cast<std::size_t>(2 * k)] = root.re;
    roots_[static_cast<std::size_t>(2 * k + 1)] = root.im;
  }
  std::vector<std::int64_t> factors;
  std::int64_t rest = length;
  for (; rest % 4 == 0; rest /= 4) factors.push_back(4);
  if (rest % 2 == 0) {
    factors.insert(factors.begin(), 2);
    rest /= 2;
  }
  for (std::int64_t p = 3; p * p <= rest; p += 2) {
    for (; rest % p == 0; rest /= p) factors.push_back(p);
  }
  if (rest > 1) factors.push_back(rest);
  std::int64_t before = 1;
  for (const std::int64_t factor : factors) {
    steps_.push_back({factor, before, length / before / factor});
    before *= factor;
  }
}

void Fft::run(float* data, float* work) const {
  auto* x = reinterpret_cast<Complex*>(data);
  auto* y = reinterpret_cast<Complex*>(work);
  const auto* roots = reinterpret_cast<const Complex*>(roots_.data());
  for (const Step& s : steps_) {
    switch (s.factor) {
      case 2:
        step<2>(x, y, s.before, s.after, roots, sign_);
        break;
      case 3:
        step<3>(x, y, s.before, s.after, roots, sign_);
        break;
      case 4:
        step<4>(x, y, s.before, s.after, roots, sign_);
        break;
      case 5:
        step<5>(x, y, s.before, s.after, roots, sign_);
        break;
      default:
        step_of_any(x, y, s.factor, s.before, s.after, roots);
    }
    std::swap(x, y);
  }
  if (reinterpret_cast<float*>(x) != data) std::memcpy(data, x, static_cast<std::size_t>(length_) * sizeof(Complex));
}

}  // namespace oriel::kernels
