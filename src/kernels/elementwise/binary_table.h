// What each level offers to f32 operations of two operands; null where the portable loop serves.
#pragma once

#include <cstdint>

#include "kernels/elementwise/binary_ops.h"

namespace oriel::kernels {

/// A row of n elements; a scalar operand is read once, from its first element.
using BinaryF32Fn = void (*)(const float* x, bool x_scalar, const float* y, bool y_scalar, float* z, std::int64_t n);
using CompareF32Fn = void (*)(const float* x, bool x_scalar, const float* y, bool y_scalar, std::uint8_t* z,
                              std::int64_t n);

struct BinaryTable {
  BinaryF32Fn f32[static_cast<int>(BinaryOp::kCount)];
  CompareF32Fn compare_f32[static_cast<int>(CompareOp::kCount)];
};

extern const BinaryTable kBinaryScalar;
extern const BinaryTable kBinaryAvx2;
extern const BinaryTable kBinaryAvx512;

}  // namespace oriel::kernels
