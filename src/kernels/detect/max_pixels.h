// Greatest pixels of rectangles in the blocked layout.
#pragma once

#include <cstdint>

namespace oriel::kernels {

/// y[l] = the greatest of x[(row * width + column) * 16 + l] for l < 16 over rows [row0, row1) and columns
/// [column0, column1), 0 where there are none. A NaN counts only where it stands first.
void max_pixels(const float* x, std::int64_t width, std::int64_t row0, std::int64_t row1, std::int64_t column0,
                std::int64_t column1, float* y);

}  // namespace oriel::kernels
