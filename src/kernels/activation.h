// The activations that kernels can fuse into their epilogues: one enum and its two parameters.
#pragma once

#include <cstdint>

namespace oriel::kernels {

/// y = f(x), element by element. `a` and `b` are the parameters of Activation; kinds that name none ignore them.
enum class ActivationKind : std::uint8_t {
  kNone,         ///< x
  kRelu,         ///< max(x, 0); NaN stays NaN
  kClip,         ///< min(max(x, a), b); NaN stays NaN
  kLeakyRelu,    ///< x >= 0 ? x : a * x
  kElu,          ///< x >= 0 ? x : a * (exp(x) - 1)
  kSigmoid,      ///< 1 / (1 + exp(-x))
  kTanh,         ///< tanh(x)
  kSwish,        ///< x / (1 + exp(-a * x)); a = 1 is SiLU
  kHardSigmoid,  ///< min(max(a * x + b, 0), 1)
  kHardSwish,    ///< x * min(max(x / 6 + 0.5, 0), 1)
  kGeluErf,      ///< x / 2 * (1 + erf(x / sqrt(2)))
  kGeluTanh,     ///< x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
  kSoftplus,     ///< log(1 + exp(x))
  kMish,         ///< x * tanh(log(1 + exp(x)))
  kAbs,          ///< |x|
};

/// An activation with its parameters; plain data.
struct Activation {
  ActivationKind kind = ActivationKind::kNone;
  float a = 0.0F;
  float b = 0.0F;
};

/// Whether f(0) == 0, so that zeros in padded channels stay zeros.
constexpr bool keeps_zero(const Activation& f) {
  switch (f.kind) {
    case ActivationKind::kClip:
      return f.a <= 0.0F && f.b >= 0.0F;
    case ActivationKind::kSigmoid:
    case ActivationKind::kSoftplus:
      return false;
    case ActivationKind::kHardSigmoid:
      return f.b <= 0.0F;
    default:
      return true;
  }
}

/// Whether a handful of instructions without exp computes f; kernels apply these in registers, the others in a second
/// pass over the tile that they have just stored.
constexpr bool is_cheap(const Activation& f) {
  switch (f.kind) {
    case ActivationKind::kNone:
    case ActivationKind::kRelu:
    case ActivationKind::kClip:
    case ActivationKind::kLeakyRelu:
      return true;
    default:
      return false;
  }
}

}  // namespace oriel::kernels
