// Between the planner of depthwise convolutions and their kernels: some output rows of one block of 16 channels.
// Internal to depthwise/; conv/conv.h is the interface.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace oriel::kernels {

struct DepthwiseUnit {
  const float* input;     // this block of 16 channels of one image
  float* output;          // likewise
  const float* residual;  // null or like output
  const float* weights;   // [kd][kh][kw][16]
  const float* bias;      // [16]
  std::int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
  std::int64_t row0, row1;  // of out[0] * out[1] rows
  std::int64_t keep;        // real channels of the block if the others must be cleared, else 16
  bool residual_after;
  Activation activation;
};

/// y = f(bias + sum w x) over the unit's rows; taps outside the input are left out.
using DepthwiseRun = void (*)(const DepthwiseUnit& unit);

extern const DepthwiseRun kDepthwiseScalar;
extern const DepthwiseRun kDepthwiseAvx2;
extern const DepthwiseRun kDepthwiseAvx512;

}  // namespace oriel::kernels
