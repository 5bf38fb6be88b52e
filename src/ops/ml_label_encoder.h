// LabelEncoder of ai.onnx.ml, read once from its attributes.
#pragma once

#include <bit>
#include <string>

#include "ops/ml.h"

namespace oriel::ops {

struct LabelEncoder {
  Tensor keys;
  Tensor values;    ///< as many as keys
  Tensor fallback;  ///< one element of the values' type

  /// Throws Error(kInvalidGraph) for attributes that are missing or contradict each other.
  explicit LabelEncoder(const Attributes& attributes);
};

/// A key as what equality means: the text, or the bits of the number with one NaN and one zero.
template <typename T>
auto identity_of(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::uint64_t>(value);
  } else {
    const double v = widen(value);
    return std::bit_cast<std::uint64_t>(std::isnan(v) ? std::numeric_limits<double>::quiet_NaN() : v + 0.0);
  }
}

}  // namespace oriel::ops
