// The register tile that direct convolutions and Winograd products share. Internal to the convolution kernels.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace oriel::kernels {

/// What consecutive tiles have in common.
struct TileArgs {
  const std::int64_t* offsets;  // floats from the tile's first pixel, one for every run of k steps
  std::int64_t whole, count;    // runs of 16 steps; all runs
  std::int64_t tail_steps;      // steps of the runs after the whole ones, rounded up to 4 by the tile
  std::int64_t block_stride;    // floats between 16-channel blocks of the output
  std::int64_t pixel_stride;    // floats between pixels of the output
  std::int64_t prefetch;        // floats ahead in the weights
  const float* next;            // weights that come to the second-level cache meanwhile, f32 alone: from here on
  std::int64_t next_step;       // so many floats for every 4 steps, up to 4 times the panel's width
  ActivationKind activation;    // a cheap one
  float a, b;
  bool residual_before, residual_after;

  // Bytes alone: words of weights whose excess over a byte counts too, [wide_count][width], and which steps they are.
  const std::int32_t* wide_steps;
  const float* wide_weights;
  std::int64_t wide_count;
};

/// c[block][pixel][16] = f(bias + a * w (+ residual)) for a fixed number of pixels and output channels. Pixels of a
/// blocked input lie 16 floats apart and a run covers 16 channels; those of a plain input lie side by side and a run
/// covers one. Lanes between the panel's width and the next multiple of 16 are stored as f(0). The residual is laid out
/// like c.
using Tile = void (*)(const TileArgs& t, const float* a, const float* w, const float* bias, float* c,
                      const float* residual);

/// The same for narrow types, without an epilogue: the sums c[block][pixel][16], pixels 16 words apart, from words of
/// several channels each.
using NarrowTile = void (*)(const TileArgs& t, const float* a, const float* w, const float* bias, float* c);

/// The tiles of one panel width: entry [n - 1] serves n pixels, n <= pixels.
struct TileSet {
  const Tile* blocked;
  const Tile* plain;
  std::int64_t pixels;
};

}  // namespace oriel::kernels
