// Between the planner of direct convolutions and their kernels: one unit of work in plain numbers. Internal to conv/.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/conv/element.h"
#include "kernels/conv/tile.h"

namespace oriel::kernels {

/// One dimension of one pass: the output points first + i * step, i < outputs, and what they read. Point i and tap j
/// meet at the input coordinate i * in_stride + tap_first + j * tap_step, which reads zero outside [0, in_size).
/// A convolution is one pass; a transposed one has a pass for every residue of the output coordinate by the stride.
struct ConvAxis {
  std::int64_t outputs, out_first, out_step, out_size;
  std::int64_t in_size, in_stride;
  std::int64_t taps, tap_first, tap_step;
  std::int64_t kernel_first, kernel_step;  // tap j is the kernel's element kernel_first + j * kernel_step
};

/// The part of one pass that one unit computes: output points [z] x [y0, y1) x [x0, x1) for panels [panel0, panel1).
struct DirectUnit {
  const void* input;  // of this image
  void* output;
  const void* residual;
  const float* weights;  // of this pass, in 4-byte words of whatever type
  const float* bias;     // padded to panels; 32-bit integers for integer types
  float* scratch;
  std::int64_t weight_stride;  // floats between panels
  ConvAxis axis[3];
  std::int64_t z, y0, y1, x0, x1, panel0, panel1;
  std::int64_t in_channels, out_channels, groups;
  std::int64_t group_width, width_step;
  std::int64_t stream;       // floats that tiles bring ahead of the next panel's weights; 0: they are near
  std::int64_t woven;        // woven_width of the layer: what bands are woven by
  std::int64_t pixel_words;  // 4-byte words of a pixel of 16 channels (of one channel of a plain f32 input) in a band
  std::int64_t entries;      // room for tap offsets at the start of the scratch: the most taps x channels of a panel
  bool in_place, flat, plain_input, plain_output, keep_band;
  bool residual_after;
  Activation activation;

  // Types other than f32:
  ConvElement input_element, output_element, residual_element;
  bool plain_source;        // the input is plain, and the band blocked
  std::int32_t input_zero;  // of the input as stored
  std::int32_t output_zero, residual_zero;
  float output_rate;  // 1 / scale of the output
  float residual_scale;
  float middle_step;    // > 0: the activated value is rounded to multiples of it before the residual joins
  const float* scale;   // of the accumulators, by output channel
  const float* offset;  // added to the scaled accumulators

  const float* input_scale;  // of this image, by channel: what an f32 input is multiplied by; null: 1

  // VNNI alone; null where every weight is a byte. Panel p has entries [wide_starts[p], wide_starts[p + 1]) of
  // wide_steps (runs of 16 channels times four, plus the word) and of wide_weights, group_width floats each.
  const std::int32_t* wide_starts;
  const std::int32_t* wide_steps;
  const float* wide_weights;
};

/// Bytes before the band in the scratch: tap offsets, and one register tile twice.
constexpr std::int64_t kTileFloats = 1024;
static inline std::int64_t band_offset(std::int64_t entries) {
  return (entries * 8 + 63) / 64 * 64 + 2 * kTileFloats * 4;
}

/// The input channels [first, last) that a panel reads, and the output channels that its packed weights hold. In the
/// blocked layout the range starts at a multiple of 16, and its last block has only as many steps as are real, rounded
/// up to 4.
struct PanelChannels {
  std::int64_t first, last, width;
};

/// Sets what tile `index` of the `tiles` that share the weights at `weights` brings from memory: its part of the
/// weights that follow them, up to `most` floats in all (0: nothing). A tile alone looks a fixed distance ahead.
static inline void spread_prefetch(TileArgs& t, const float* weights, std::int64_t panel_floats, std::int64_t most,
                                   std::int64_t index, std::int64_t tiles) {
  constexpr std::int64_t kAlone = 8192;
  const std::int64_t runs = t.count * 4;
  t.next = weights;
  t.next_step = 0;
  if (most == 0 || runs == 0) return;
  if (tiles == 1) {
    t.next = weights + kAlone;
    t.next_step = panel_floats / runs;
    return;
  }
  const std::int64_t part = (panel_floats < most ? panel_floats : most) / tiles;
  t.next = weights + panel_floats + index * part;
  t.next_step = (part + runs - 1) / runs;
}

/// Kernels of one level.
struct DirectKernels {
  void (*run)(const DirectUnit& unit);
  TileSet (*tiles_for)(std::int64_t width);    // tiles of a panel of up to `width` channels
  TileSet (*woven_tiles)(std::int64_t width);  // tiles of a block of woven groups of 2, 4 or 8 channels
  std::int64_t group_width;                    // widest panel
  std::int64_t tile_pixels;                    // pixels of the largest register tile with the widest panel
};

/// Where the accumulators of one block of 16 output channels go.
struct Destination {
  std::int64_t channel;  // first of the block
  std::int64_t pixels;
  std::int64_t to, stride;  // in elements
  std::int64_t keep;        // real lanes; the others become zero
};

/// Kernels of one level for a narrow type: a word of a band holds several channels. The last four are the ends of a
/// depthwise convolution that computes in f32: inputs less their zero point as floats; integral floats to integers plus
/// a bias; accumulators to elements; the last two in one, which may use the tile up.
struct NarrowKernels {
  void (*run)(const DirectUnit& unit);
  const NarrowTile* (*tiles_for)(std::int64_t width);  // tiles of 1, 2, ... tile_pixels pixels
  std::int64_t group_width;
  std::int64_t tile_pixels;
  std::int64_t channels_per_word;  // 2: pairs of 16 bits, 4: quadruples of bytes
  void (*widen)(const void* from, ConvElement element, std::int32_t zero_point, float* to, std::int64_t count);
  void (*integrate)(float* tile, const float* bias, std::int64_t pixels);
  void (*finish)(const DirectUnit& unit, const float* tile, const Destination& destination);
  void (*finish_floats)(const DirectUnit& unit, float* tile, const float* bias, const Destination& destination);
};

extern const NarrowKernels kInt16Scalar;  // 8-bit inputs less their zero point, widened to pairs of 16 bits
extern const NarrowKernels kInt16Avx2;
extern const NarrowKernels kInt16Avx512;
extern const NarrowKernels kInt8Vnni;  // u8 x s8
extern const NarrowKernels kBf16Bf16;

extern const DirectKernels kDirectScalar;
extern const DirectKernels kDirectAvx2;
extern const DirectKernels kDirectAvx512;

/// Input channels and packed width of panel p (output channels p * group_width ...).
static inline PanelChannels panel_channels(std::int64_t in_channels, std::int64_t out_channels, std::int64_t groups,
                                           std::int64_t group_width, std::int64_t width_step, bool plain_input,
                                           std::int64_t p) {
  const std::int64_t begin = p * group_width;
  const std::int64_t rest = out_channels - begin;
  const std::int64_t count = rest < group_width ? rest : group_width;
  const std::int64_t outs = out_channels / groups;
  const std::int64_t ins = in_channels / groups;
  PanelChannels c;
  c.first = begin / outs * ins;
  c.last = ((begin + count - 1) / outs + 1) * ins;
  if (!plain_input) c.first = c.first / 16 * 16;
  c.width = (count + width_step - 1) / width_step * width_step;
  return c;
}

/// The pixels [begin, end) of `count` from coordinates first, first + step, ... that lie in a row of `size`; none if
/// row < 0.
struct Valid {
  std::int64_t begin, end;
};

static inline Valid valid_pixels(std::int64_t row, std::int64_t first, std::int64_t step, std::int64_t count,
                                 std::int64_t size) {
  Valid v = {0, 0};
  if (row < 0) return v;
  v.begin = first < 0 ? (-first + step - 1) / step : 0;
  v.end = size > first ? (size - first + step - 1) / step : 0;
  v.begin = v.begin < count ? v.begin : count;
  v.end = v.end < count ? v.end : count;
  v.end = v.end < v.begin ? v.begin : v.end;
  return v;
}

/// Offsets of a band in the scratch, in pixels. A band keeps, for each depth tap and each plane (column tap or column
/// residue), for each residue of the row by the stride: `lines` rows of `length` pixels.
struct BandShape {
  std::int64_t row_min, column_min;  // least tap offsets
  std::int64_t row_phases, lines;    // residues; rows of each
  std::int64_t planes, length;       // column residues (or taps, where flat); pixels of a row of one plane
  std::int64_t row_pitch, plane_pitch, line_pitch, depth_pitch, channel_pitch;
};

static inline BandShape band_shape(const ConvAxis* axis, std::int64_t rows, std::int64_t columns, bool flat) {
  const ConvAxis& y = axis[1];
  const ConvAxis& x = axis[2];
  BandShape b;
  const std::int64_t row_span = (y.taps - 1) * (y.tap_step < 0 ? -y.tap_step : y.tap_step);
  const std::int64_t column_span = (x.taps - 1) * (x.tap_step < 0 ? -x.tap_step : x.tap_step);
  b.row_min = y.tap_step < 0 ? y.tap_first + (y.taps - 1) * y.tap_step : y.tap_first;
  b.column_min = x.tap_step < 0 ? x.tap_first + (x.taps - 1) * x.tap_step : x.tap_first;
  b.row_phases = y.in_stride < row_span + 1 ? y.in_stride : row_span + 1;
  b.lines = rows + row_span / y.in_stride;
  if (flat) {
    b.planes = x.taps;
    b.length = columns;
    b.line_pitch = columns;
    b.row_pitch = b.lines * columns;
    b.plane_pitch = b.row_pitch * b.row_phases;
    b.depth_pitch = b.plane_pitch * b.planes;
  } else {
    b.planes = x.in_stride < column_span + 1 ? x.in_stride : column_span + 1;
    b.length = columns + column_span / x.in_stride;
    b.plane_pitch = b.length;
    b.line_pitch = b.length * b.planes;
    b.row_pitch = b.lines * b.line_pitch;
    b.depth_pitch = b.row_pitch * b.row_phases;
  }
  b.channel_pitch = b.depth_pitch * axis[0].taps;
  return b;
}

}  // namespace oriel::kernels
