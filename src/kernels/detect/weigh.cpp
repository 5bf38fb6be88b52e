// One body for every level: the loads dominate.
#include "kernels/detect/weigh.h"

namespace oriel::kernels {

void weigh_pixels(const float* x, std::int64_t blocks, std::int64_t x_block, const std::int64_t* index,
                  const float* weight, std::int64_t taps, float* y, std::int64_t y_block) {
  for (std::int64_t b = 0; b < blocks; ++b) {
    float sum[16] = {};
    for (std::int64_t t = 0; t < taps; ++t) {
      const float* from = x + b * x_block + index[t] * 16;
      for (int l = 0; l < 16; ++l) sum[l] += weight[t] * from[l];
    }
    float* to = y + b * y_block;
    for (int l = 0; l < 16; ++l) to[l] = sum[l];
  }
}

}  // namespace oriel::kernels
