// Chooses the level of elementwise functions; the rare ones are loops over the C library.
#include "kernels/elementwise/unary.h"

#include <cmath>
#include <limits>

#include "kernels/elementwise/unary_table.h"

namespace oriel::kernels {
namespace {

const UnaryTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kUnaryScalar;
  return isa == Isa::kAvx2 ? kUnaryAvx2 : kUnaryAvx512;
}

template <typename Function>
void each(const float* x, float* y, std::int64_t n, Function f) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
}

}  // namespace

void unary_f32(UnaryOp op, float a, float b, const float* x, float* y, std::int64_t n, Isa isa) {
  if (const UnaryF32Fn fn = table_of(isa).f32[static_cast<int>(op)]) return fn(a, b, x, y, n);
  switch (op) {
    case UnaryOp::kLog1p:
      return each(x, y, n, [](float v) { return std::log1p(v); });
    case UnaryOp::kTan:
      return each(x, y, n, [](float v) { return std::tan(v); });
    case UnaryOp::kSinh:
      return each(x, y, n, [](float v) { return std::sinh(v); });
    case UnaryOp::kCosh:
      return each(x, y, n, [](float v) { return std::cosh(v); });
    case UnaryOp::kAsinh:
      return each(x, y, n, [](float v) { return std::asinh(v); });
    case UnaryOp::kAcosh:
      return each(x, y, n, [](float v) { return std::acosh(v); });
    case UnaryOp::kAtanh:
      return each(x, y, n, [](float v) { return std::atanh(v); });
    default:
      return;
  }
}

void activate_f32(const Activation& f, const float* x, float* y, std::int64_t n, Isa isa) {
  table_of(isa).activate(f, x, y, n);
}

void is_nan_f32(const float* x, std::uint8_t* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] != x[i];
}

void is_inf_f32(bool positive, bool negative, const float* x, std::uint8_t* out, std::int64_t n) {
  // What equals nothing stands for a sign that is not asked for.
  constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float above = positive ? kInfinity : kNothing;
  const float below = negative ? -kInfinity : kNothing;
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>((x[i] == above) | (x[i] == below));
}

}  // namespace oriel::kernels
