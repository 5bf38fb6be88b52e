// What each level offers to f32 reductions: folding rows to a value and rows into a vector of columns.
#pragma once

#include <cstdint>

namespace oriel::kernels {

/// The elementary folds behind ReduceOp.
enum class Fold : std::uint8_t { kSum, kAbsSum, kSquareSum, kExpSum, kProd, kMax, kMin, kCount };

struct ReduceTable {
  /// The fold of n elements; kExpSum sums exp(x - shift).
  float (*row[static_cast<int>(Fold::kCount)])(const float* x, std::int64_t n, float shift);
  /// acc[j] = fold(acc[j], x[j]) for n columns; kExpSum uses shift[j].
  void (*columns[static_cast<int>(Fold::kCount)])(const float* x, const float* shift, float* acc, std::int64_t n);
};

extern const ReduceTable kReduceScalar;
extern const ReduceTable kReduceAvx2;
extern const ReduceTable kReduceAvx512;

}  // namespace oriel::kernels
