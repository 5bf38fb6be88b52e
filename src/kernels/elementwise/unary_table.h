// What each level offers to elementwise functions; null where the portable loop serves.
#pragma once

#include "kernels/elementwise/unary.h"

namespace oriel::kernels {

using UnaryF32Fn = void (*)(float a, float b, const float* x, float* y, std::int64_t n);

struct UnaryTable {
  UnaryF32Fn f32[static_cast<int>(UnaryOp::kCount)];
  void (*activate)(const Activation& f, const float* x, float* y, std::int64_t n);
};

extern const UnaryTable kUnaryScalar;
extern const UnaryTable kUnaryAvx2;
extern const UnaryTable kUnaryAvx512;

}  // namespace oriel::kernels
