// Elementwise functions of one operand.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "kernels/activation.h"

namespace oriel::kernels {

/// Functions beside those of ActivationKind.
enum class UnaryOp : std::uint8_t {
  kNeg,
  kAbs,
  kSign,  ///< -1, 0, 1; NaN stays NaN
  kFloor,
  kCeil,
  kRound,      ///< to nearest, halves to even
  kRoundAway,  ///< to nearest, halves away from zero
  kTruncate,
  kSquare,
  kSqrt,
  kRsqrt,  ///< 1 / sqrt(x), two roundings
  kReciprocal,
  kExp,    ///< 2 ulp
  kExpm1,  ///< 3 ulp
  kLog,    ///< 2 ulp
  kLog1p,  ///< correctly rounded up to the C library's promise, as are the hyperbolic functions and their inverses
  kSin,    ///< within 1.5e-7 up to |x| = 8192, then the C library's
  kCos,
  kTan,
  kAsin,  ///< 4 ulp, as are the next two; acos near 1 by its distance from 1
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kErf,              ///< 2 ulp
  kSoftsign,         ///< x / (1 + |x|)
  kSelu,             ///< b * (x >= 0 ? x : a * (exp(x) - 1))
  kCelu,             ///< max(x, 0) + min(0, a * (exp(x / a) - 1))
  kThresholdedRelu,  ///< x > a ? x : 0
  kShrink,           ///< x < -a ? x + b : x > a ? x - b : 0
  kAffine,           ///< a * x + b
  kCount,
};

/// y[i] = op(x[i]) for n elements; y may be x. Any alignment. a and b are the parameters that some operations name.
void unary_f32(UnaryOp op, float a, float b, const float* x, float* y, std::int64_t n, Isa isa = max_isa());

/// y[i] = f(x[i]) for n elements; y may be x.
void activate_f32(const Activation& f, const float* x, float* y, std::int64_t n, Isa isa = max_isa());

/// out[i] = whether x[i] is NaN, or an infinity of an asked sign; one byte of 0 or 1 an element.
void is_nan_f32(const float* x, std::uint8_t* out, std::int64_t n);
void is_inf_f32(bool positive, bool negative, const float* x, std::uint8_t* out, std::int64_t n);

}  // namespace oriel::kernels
