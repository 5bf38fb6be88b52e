// Weighted sums of pixels in the blocked layout.
#pragma once

#include <cstdint>

namespace oriel::kernels {

/// y[b * y_block + l] = sum over t of weight[t] * x[b * x_block + index[t] * 16 + l] for l < 16 and b < blocks, in f32
/// in the order of t: one output point of all blocks of 16 channels.
void weigh_pixels(const float* x, std::int64_t blocks, std::int64_t x_block, const std::int64_t* index,
                  const float* weight, std::int64_t taps, float* y, std::int64_t y_block);

}  // namespace oriel::kernels
