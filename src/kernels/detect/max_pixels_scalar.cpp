// One body for every level: the loads dominate.
#include "kernels/detect/max_pixels.h"

namespace oriel::kernels {

void max_pixels(const float* x, std::int64_t width, std::int64_t row0, std::int64_t row1, std::int64_t column0,
                std::int64_t column1, float* y) {
  float most[16] = {};
  if (row0 < row1 && column0 < column1) {
    for (int l = 0; l < 16; ++l) most[l] = x[(row0 * width + column0) * 16 + l];
  }
  for (std::int64_t row = row0; row < row1; ++row) {
    for (std::int64_t column = column0; column < column1; ++column) {
      const float* from = x + (row * width + column) * 16;
      for (int l = 0; l < 16; ++l) most[l] = from[l] > most[l] ? from[l] : most[l];
    }
  }
  for (int l = 0; l < 16; ++l) y[l] = most[l];
}

}  // namespace oriel::kernels
