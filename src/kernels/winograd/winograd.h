// Between the planner of Winograd convolutions and their kernels: one rectangle of tiles in plain numbers. Internal to
// winograd/; conv/conv.h is the interface.
//
// F(R x R, 3 x 3) with A = R + 2: Y = At [(G g Gt) . (Bt d B)] A, by Toom-Cook interpolation at the finite points below
// and infinity. Row i of Bt has the coefficients of prod over j != i of (x - p_j), the last row those of the full
// product; row i of G is (1, p_i, p_i^2) / prod over j != i of (p_i - p_j), the last row (0, 0, 1); column i of At is
// (1, p_i, p_i^2, ...), the last column (0, ..., 0, 1).
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/conv/direct.h"

namespace oriel::kernels {

/// Points 0, then pairs +-a, +-b, +-c, in the order of the transforms; F(5x5) has c alone.
struct WinogradPoints {
  double a, b, c;
};
constexpr WinogradPoints winograd_points(int r) {
  switch (r) {
    case 2:
      return {1.0, 0.0, 0.0};
    case 4:
      return {0.625, 1.5, 0.0};
    case 5:
      return {1.0, 2.0, 0.5};
    default:
      return {1.0, 0.5, 2.0};
  }
}

/// Tiles [ty0, ty1) x [tx0, tx1) of one image; T = their number, in rows. V is [A * A][channel block][T][16],
/// in f32, or in pairs of bf16.
struct WinogradUnit {
  int r;
  const void* input;  // of this image, blocked; f32 or bf16
  void* output;
  const void* residual;
  bool input_f32, output_bf16, residual_bf16;  // of bf16 layers
  std::int64_t in_height, in_width, out_height, out_width, pad_y, pad_x;
  std::int64_t in_block_stride, out_block_stride;  // elements between channel blocks of 16
  std::int64_t ty0, ty1, tx0, tx1;
  std::int64_t block0, block1;  // channel blocks to transform
  std::int64_t in_blocks;       // channel blocks of V
  std::int64_t v_stride;        // words between the A * A planes of V
  float* v;
  // Products and inverse:
  std::int64_t panel0, panel1, group_width;
  std::int64_t in_channels, out_channels, groups;
  const float* weights;        // [panel][A * A][steps][width]
  std::int64_t weight_stride;  // floats between panels
  const float* bias;
  float* products;        // [A * A][2][T][16]
  std::int64_t m_stride;  // floats between its planes
  float* scratch;         // winograd_scratch_floats
  std::int64_t* offsets;  // in_blocks
  std::int64_t prefetch;
  std::int64_t stream;                                        // floats to bring ahead of the next plane's weights
  std::int64_t woven;                                         // woven_width of the layer: what V is woven by
  TileSet (*tiles_for)(std::int64_t width);                   // of panels, or of woven groups
  const NarrowTile* (*narrow_tiles_for)(std::int64_t width);  // of bf16 layers
  std::int64_t narrow_pixels;
  bool residual_after;
  Activation activation;
};

/// Tiles of a row that the input transform takes at a time, and the floats it needs for them.
constexpr std::int64_t kWinogradChunk = 8;
constexpr std::int64_t winograd_scratch_floats(int r) { return (r + 3) * (kWinogradChunk * r + 2) * 16; }

/// Input channels whose weights are transformed at a time, and output channels.
constexpr std::int64_t kWinogradWeightChannels = 4;
constexpr std::int64_t kWinogradWeightOuts = 32;

/// Input transform into V; products and inverse transform of panels, from V to the output; weights: G g Gt in f64,
/// rounded once, of kWinogradWeightChannels channels by 32 output channels, from w [channel][9][32] to u [a *
/// a][channel][32].
struct WinogradKernels {
  void (*input)(const WinogradUnit& unit);
  void (*output)(const WinogradUnit& unit);
  void (*weights)(int a, const double (*g)[3], const float* w, float* u);
};

extern const WinogradKernels kWinogradScalar;
extern const WinogradKernels kWinogradAvx2;
extern const WinogradKernels kWinogradAvx512;
extern const WinogradKernels kWinogradBf16;  // F(2x2) alone

}  // namespace oriel::kernels
