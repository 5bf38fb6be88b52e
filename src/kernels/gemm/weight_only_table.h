// What each level offers to products with weights of few bits.
#pragma once

#include <cstdint>

namespace oriel::kernels {

constexpr int kWeightOnlyFewRows = 4;

/// One packed panel of 32 columns: for each product 32 bytes (8 bits), or 16 bytes whose low halves are columns 0..15
/// and high halves columns 16..31; beside it [blocks][32] scales and zero points as floats.
struct WeightOnlyPanel {
  const std::uint8_t* q;
  const float* scales;
  const float* zeros;
  std::int64_t k;
  std::int64_t block;
};

struct WeightOnlyTable {
  /// [0] for 4 bits, [1] for 8: c[r][0..31] = sum over k for few rows (1 to kWeightOnlyFewRows), dense rows of 32.
  void (*few_rows[2])(const WeightOnlyPanel& p, const float* a, std::int64_t lda, int rows, float* c);
  /// out[k - begin][32] = the weights of products [begin, end).
  void (*unpack[2])(const WeightOnlyPanel& p, std::int64_t begin, std::int64_t end, float* out);
};

extern const WeightOnlyTable kWeightOnlyScalar;
extern const WeightOnlyTable kWeightOnlyAvx2;
extern const WeightOnlyTable kWeightOnlyAvx512;

}  // namespace oriel::kernels
