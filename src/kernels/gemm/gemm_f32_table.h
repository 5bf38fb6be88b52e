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
  std::int64_t b_panel;  ///< distance of the panels of a wide tile
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
  /// What tiles of one panel fetch where `prefetch` is set: with each four products as many lines as they read, the
  /// first ones here, the next ones ahead_step floats on. Null: B itself, 8 KiB before it is read.
  const float* ahead = nullptr;
  std::int64_t ahead_step = 0;
  /// Tiles of one full panel with A packed alone: sums [rows][width] that the products go to before the epilogue, which
  /// is left out where c is null.
  struct Sum {
    float* to = nullptr;
    float scale = 0.0f;  ///< to += scale * products; 0: to = products
  };
  Sum sums[2];
  const float* partial = nullptr;  ///< what is added to the products behind that, laid out like a sum; null: nothing
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
  /// The epilogue of a tile whose products times alpha lie in x, rows `pitch` apart, columns padded to whole vectors.
  void (*finish)(const float* x, int pitch, int rows, const GemmF32Tile& t, int columns);
  /// Left operands of the seven products below, in their order, each packed as pack_a does, `each` floats apart: of
  /// `rows` rows of A from `top` and from `bottom` on, with left_k products of which the first right_k have partners
  /// left_k further. Rows of `bottom` from bottom_rows on and products without partner are zeros there. Null for bf16.
  void (*sums_a)(const float* top, const float* bottom, std::int64_t lda, int rows, int bottom_rows,
                 std::int64_t left_k, std::int64_t right_k, float* packed, std::int64_t each);
  /// out[m] = dot(row m of A, x) for rows rows; before the epilogue.
  void (*dot_rows)(const float* a, std::int64_t lda, const float* x, std::int64_t rows, std::int64_t k, float* out);
  /// y = f(x) over rows of n elements, in place where y is x.
  void (*activate)(const Activation& f, const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride,
                   std::int64_t rows, std::int64_t n);
};

/// The seven products of Strassen's scheme, in an order in which each of the last four completes a quarter of C:
///   0: (A11 + A22)(B11 + B22) -> C11, C22      4: (A11 + A12) B22           -> -C11, C12
///   1: (A21 + A22) B11        -> C21, -C22     5: (A21 - A11)(B11 + B12)    -> C22
///   2: A11 (B12 - B22)        -> C12, C22      6: (A12 - A22)(B21 + B22)    -> C11
///   3: A22 (B21 - B11)        -> C11, C21
constexpr int kStrassenProducts = 7;

extern const GemmF32Table kGemmF32Scalar;
extern const GemmF32Table kGemmF32Avx2;
extern const GemmF32Table kGemmF32Avx512;
extern const GemmF32Table kGemmBf16;

}  // namespace oriel::kernels
