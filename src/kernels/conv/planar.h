// Between the planner of planar convolutions and their kernels: one unit of work in plain numbers. Internal to conv/.
//
// Inputs and outputs are plain. A register tile is a few output channels of one group by a few vectors of neighbouring
// pixels, so that narrow groups and few output channels leave no lane idle.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace oriel::kernels {

/// Output channels of the widest panel.
constexpr std::int64_t kPlanarOuts = 8;

/// One dimension: output point i and tap j meet at the input coordinate i * stride - pad + j * dilation, which reads
/// zero outside [0, in).
struct PlanarAxis {
  std::int64_t in, out, stride, pad, dilation, taps;
};

/// How a band holds what some output points read of one channel and one depth tap: rows by their residue by the stride,
/// `lines` of each, and columns by theirs (flat: by column tap), in planes of `length` pixels. Flat bands keep a
/// plane's rows together, so that neighbouring output rows follow each other.
struct PlanarBand {
  std::int64_t row_residues, lines, planes, length;
  std::int64_t line_pitch, plane_pitch, channel_pitch;
};

constexpr PlanarBand planar_band(const PlanarAxis& y, const PlanarAxis& x, std::int64_t rows, std::int64_t columns,
                                 bool flat) {
  const std::int64_t row_span = (y.taps - 1) * y.dilation;
  const std::int64_t column_span = (x.taps - 1) * x.dilation;
  PlanarBand b{};
  b.row_residues = y.stride < row_span + 1 ? y.stride : row_span + 1;
  b.lines = rows + row_span / y.stride;
  b.planes = flat ? x.taps : x.stride < column_span + 1 ? x.stride : column_span + 1;
  b.length = flat ? columns : columns + column_span / x.stride;
  b.line_pitch = flat ? b.length : b.length * b.planes;
  b.plane_pitch = flat ? b.length * b.lines * b.row_residues : b.length;
  b.channel_pitch = b.length * b.planes * b.lines * b.row_residues;
  return b;
}

/// Output points [z] x [y0, y1) x [x0, x1) of panels [panel0, panel1) of one group.
struct PlanarUnit {
  const float* input;     // of this image and group
  float* output;          // the same
  const float* residual;  // laid out like the output, or null
  const float* weights;   // of this group: [panel][channel][tap][width]
  const float* bias;      // of this group
  float* scratch;         // offsets, tile, band
  PlanarAxis axis[3];
  std::int64_t z, y0, y1, x0, x1;
  std::int64_t panel0, panel1, panels;
  std::int64_t ins, outs, width;
  bool flat, in_place, keep_band, residual_after;  // in place: 1x1 of whole rows, whose band is the input
  Activation activation;
};

/// Floats of the scratch before the band.
constexpr std::int64_t kPlanarTileFloats = kPlanarOuts * 128;
constexpr std::int64_t planar_band_offset(std::int64_t entries) {
  return (entries * 2 + 15) / 16 * 16 + kPlanarTileFloats;
}

/// Floats that tiles may read beyond a band.
constexpr std::int64_t kPlanarSlack = 128;

/// The first output channel of panel p of a group, of equal panels but for one channel.
constexpr std::int64_t planar_first(std::int64_t outs, std::int64_t panels, std::int64_t p) {
  return outs * p / panels;
}

extern void (*const kPlanarScalar)(const PlanarUnit& unit);
extern void (*const kPlanarAvx2)(const PlanarUnit& unit);
extern void (*const kPlanarAvx512)(const PlanarUnit& unit);

}  // namespace oriel::kernels
