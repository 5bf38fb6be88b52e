// What each level offers to softmax.
#pragma once

#include <cstdint>

namespace oriel::kernels {

/// Columns of one unit of the strided form: a multiple of every level's lanes.
constexpr std::int64_t kSoftmaxColumns = 64;

struct SoftmaxTable {
  /// One dense row of n.
  void (*row)(const float* x, float* y, std::int64_t n, bool log);
  /// `columns` (1 to kSoftmaxColumns) neighbouring columns of n values, `stride` apart.
  void (*columns)(const float* x, float* y, std::int64_t n, std::int64_t stride, int columns, bool log);
};

extern const SoftmaxTable kSoftmaxScalar;
extern const SoftmaxTable kSoftmaxAvx2;
extern const SoftmaxTable kSoftmaxAvx512;

}  // namespace oriel::kernels
