// What each level offers to normalisations.
#pragma once

#include "kernels/norm/norm.h"

namespace oriel::kernels {

struct NormTable {
  void (*layer)(const LayerNorm& n, std::int64_t row);
  /// Sum of n elements, and sum of (x - mean)^2.
  void (*moments)(const float* x, std::int64_t n, float* sum, float* squares);
  /// y = f(x * scale + bias) with one scale and bias, or one an element where the pointers step.
  void (*affine)(const float* x, float scale, float bias, float* y, std::int64_t n, const Activation& f);
  void (*affine_columns)(const float* x, const float* scale, const float* bias, float* y, std::int64_t n,
                         const Activation& f);
  void (*blocked_instance)(const BlockedInstanceNorm& n, std::int64_t unit);
  /// Points [first, last) of one image.
  void (*lrn)(const Lrn& n, const float* x, float* y, std::int64_t first, std::int64_t last, float* scratch);
};

extern const NormTable kNormScalar;
extern const NormTable kNormAvx2;
extern const NormTable kNormAvx512;

}  // namespace oriel::kernels
