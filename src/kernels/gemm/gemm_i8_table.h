// What each level offers to 8-bit matrix products: register tiles, packing, and the way out of the accumulators.
#pragma once

#include <cstdint>

namespace oriel::kernels {

constexpr int kGemmI8MaxRows = 14;

/// Products are of raw values: A as u8 (s8 with its top bit flipped), B as s8 (u8 with its top bit flipped). Levels
/// with `group` 4 keep four bytes in a 32-bit word, those with group 2 two 16-bit values.
struct GemmI8Tile {
  const std::uint32_t* a;  ///< packed rows
  const std::uint32_t* b;  ///< packed panel
  std::int64_t words;      ///< groups of products
  std::int32_t* c;         ///< rows x panel, dense; overwritten
  bool prefetch;           ///< whether the panel comes from beyond the second cache level
};
using GemmI8TileFn = void (*)(const GemmI8Tile&);

/// From accumulators to results, for one tile of rows x columns.
struct GemmI8Finish {
  const std::int32_t* acc;
  int pitch;  ///< distance of the rows of acc
  int rows;
  int columns;
  const std::int32_t* row_offset;     ///< added to each row, null for none
  const std::int32_t* row_factor;     ///< times column_factor, added; null for none
  const std::int32_t* column_factor;  ///< one a column where row_factor is given
  const std::int32_t* row_factor2;    ///< a second such product, null for none
  const std::int32_t* column_factor2;
  const std::int32_t* bias;   ///< one a column, or null
  const float* row_scale;     ///< one a row, or null for 1
  const float* column_scale;  ///< one a column, or null for `scale`
  float scale;
  const float* float_bias;       ///< one a column, added after scaling, or null
  void* out;                     ///< the tile's corner
  std::int64_t out_row;          ///< elements
  std::int32_t zero, low, high;  ///< of quantised outputs
};

struct GemmI8Table {
  int rows;
  int panel;    ///< columns of every panel but the last
  int quantum;  ///< the last one's width is its columns rounded up to this
  int group;
  GemmI8TileFn tiles[2][kGemmI8MaxRows];  ///< [width / quantum - 1][rows - 1]
  /// rows x k of A into words [ceil(groups / 16)][rows][16], zeros beyond k; sums[m] = sum of the packed values of row
  /// m where sums is not null.
  void (*pack_a)(const std::uint8_t* a, std::int64_t lda, bool is_signed, int rows, std::int64_t k,
                 std::uint32_t* packed, std::int32_t* sums);
  void (*to_i32)(const GemmI8Finish& f);
  void (*to_f32)(const GemmI8Finish& f);
  void (*to_u8)(const GemmI8Finish& f);
  void (*to_s8)(const GemmI8Finish& f);
};

extern const GemmI8Table kGemmI8Scalar;
extern const GemmI8Table kGemmI8Avx2;
extern const GemmI8Table kGemmI8Vnni;

}  // namespace oriel::kernels
