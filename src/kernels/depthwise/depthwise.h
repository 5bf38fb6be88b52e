// Between the planner of depthwise convolutions and their kernels: some output rows of one block of 16 channels.
// Internal to depthwise/; conv/conv.h is the interface.
#pragma once

#include <cstdint>

#include "kernels/activation.h"
#include "kernels/conv/direct.h"

namespace oriel::kernels {

struct DepthwiseUnit {
  const void* input;     // this block of 16 channels of one image: f32, or bf16 for the kernels of that type
  void* output;          // likewise: f32, or bf16 as narrow_output says
  const void* residual;  // null or like output
  const float* weights;  // [kd][kh][kw][16]
  const float* bias;     // [16]
  std::int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
  std::int64_t row0, row1;  // of out[0] * out[1] rows
  std::int64_t keep;        // real channels of the block if the others must be cleared, else 16
  bool residual_after;
  bool narrow_output, narrow_residual;  // elements are bf16, which kernels of bf16 inputs alone have
  Activation activation;
};

/// y = f(bias + sum w x) in f32 over the unit's rows; taps outside the input are left out.
using DepthwiseRun = void (*)(const DepthwiseUnit& unit);

/// The same for bytes whose taps lie side by side in a row. The band holds the rows that the unit reads, every row with
/// all columns that words of four taps read, plus the three pixels that the last words of a tile read beyond.
struct DepthwiseBytesUnit {
  const std::uint8_t* input;     // [in_rows][in_width][16]: this block of 16 channels of one plane
  std::uint8_t* band;            // [band_rows][band_width][16]
  std::int32_t* sums;            // [rows][width][16]
  const std::uint32_t* weights;  // [taps][quads][16] words of four signed bytes, zeros behind the last tap
  const std::int32_t* bias;      // [16]
  std::uint8_t input_flip;       // 128 for signed inputs, else 0
  std::uint8_t outside;          // what reads outside the input give, flipped
  std::int64_t in_rows, in_width, first_row, pad_left;
  std::int64_t band_rows, band_width;
  std::int64_t taps, quads, stride_y, stride_x, dilation_y;
  std::int64_t rows, width;
  DirectUnit end;   // how sums leave; scale and offset of this block, out_channels its real channels
  std::int64_t to;  // of the first output in output and residual, in elements
};

/// Whether the outputs are written as bytes; if not, their sums are in `sums`.
using DepthwiseBytesRun = bool (*)(const DepthwiseBytesUnit& unit);

extern const DepthwiseBytesRun kDepthwiseVnni;

extern const DepthwiseRun kDepthwiseScalar;
extern const DepthwiseRun kDepthwiseAvx2;
extern const DepthwiseRun kDepthwiseAvx512;
extern const DepthwiseRun kDepthwiseBf16;  // of bf16 inputs

}  // namespace oriel::kernels
