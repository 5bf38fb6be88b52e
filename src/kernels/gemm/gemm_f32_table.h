// What each instruction-set level offers to the f32 matrix product: register tiles and packing routines.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace oriel::kernels {

/// One register tile: rows x columns of C over k products.
struct GemmF32Tile {
  const float* a;        ///< row m, product k at a[m * a_row + k], or packed as pack_a leaves it; words of bf16 pairs
                         ///< stand for floats in the tiles of that type, in b too, and k counts the words
  std::int64_t a_row;    ///< ignored where A is packed
  const float* b;        ///< panel: product k, column j at b[k * width + j]
  std::int64_t b_panel;  ///< distance of the panels of a wide tile or of a sum
  std::int64_t k;        ///< products, >= 0
  float* c;
  std::int64_t c_row;
  int columns;                ///< columns to store, 1..width of all panels
  const float* column_bias;   ///< one a column, or null
  const float* row_bias;      ///< one a row, or null
  const float* residual;      ///< a matrix like C, or null
  std::int64_t residual_row;  ///< its row stride
  float alpha;
  float beta;  ///< C is not read where this is zero
  float low;   ///< the result is clamped to [low, high]; NaN passes
  float high;
  bool prefetch;  ///< whether B comes from beyond the second cache level
};
using GemmF32TileFn = void (*)(const GemmF32Tile&);

constexpr int kGemmF32MaxRows = 14;
constexpr int kGemmF32Block = 16;  ///< products that lie together in a row of packed A

/// tiles[packed][w][r - 1] computes r rows by (w + 1) * quantum columns with A packed or not; wide2[packed][r - 1] and
/// wide4[packed][r - 1] take two or four full panels at once, for r <= wide2_rows and wide4_rows.
struct GemmF32Table {
  int group;  ///< products in one word of packed A and B: 1, or 2 for bf16, whose tiles always take A packed
  int rows;
  int panel;    ///< columns of a full panel, a multiple of quantum
  int quantum;  ///< the last panel is as wide as its columns rounded up to this
  int wide2_rows;
  int wide4_rows;
  GemmF32TileFn tiles[2][4][kGemmF32MaxRows];
  GemmF32TileFn wide2[2][8];
  GemmF32TileFn wide4[2][4];
  /// rows x k of A into blocks of words [ceil(words / 16)][rows][16]; where transposed, product k of row m is a[k * lda
  /// + m].
  void (*pack_a)(const float* a, std::int64_t lda, bool transposed, int rows, std::int64_t k, float* packed);
  /// k x columns of B into a panel of words [words][width] with zeros beyond; where transposed, product k of column j
  /// is b[j * ldb + k].
  void (*pack_b)(const float* b, std::int64_t ldb, bool transposed, std::int64_t k, int columns, int width,
                 float* packed);
  /// The epilogue of a tile whose products lie in x, rows `pitch` apart, columns padded to whole vectors; alpha is done.
  void (*finish)(const float* x, int pitch, int rows, const GemmF32Tile& t, int columns);
  /// Strassen's sums of four packed quarters of A, n floats each, a multiple of 16: sums = 11 + 22, 21 + 22, 11 + 12; 12
  /// becomes 12 - 22 and 21 becomes 21 - 11. Null for bf16, as are combine_c and sum_tiles.
  void (*combine_a)(const float* a11, float* a12, float* a21, const float* a22, float* const* sums, std::int64_t n);
  /// out = x + sign * (y - z) over n elements.
  void (*combine_c)(const float* x, const float* y, const float* z, float sign, float* out, std::int64_t n);
  /// sum_tiles[s][r - 1]: r rows of packed A by one full panel, B being two panels' sum (s = 0) or difference (s = 1), the
  /// second panel b_panel behind the first.
  GemmF32TileFn sum_tiles[2][kGemmF32MaxRows];
  /// out[m] = dot(row m of A, x) for rows rows; before the epilogue.
  void (*dot_rows)(const float* a, std::int64_t lda, const float* x, std::int64_t rows, std::int64_t k, float* out);
  /// y = f(x) over rows of n elements, in place where y is x.
  void (*activate)(const Activation& f, const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride,
                   std::int64_t rows, std::int64_t n);
};

extern const GemmF32Table kGemmF32Scalar;
extern const GemmF32Table kGemmF32Avx2;
extern const GemmF32Table kGemmF32Avx512;
extern const GemmF32Table kGemmBf16;

}  // namespace oriel::kernels
