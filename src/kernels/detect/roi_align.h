// RoiAlign over blocked activations [N][ceil(C / 16)][H][W][16], in f32.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

/// Regions of an image are cut into out_height x out_width bins; a bin is the mean of bilinear samples at a regular
/// grid, or with `maximum` the greatest of the weighted pixels of all its samples. A sample more than a pixel outside
/// the image counts as 0. `half_pixel` shifts regions by -0.5 and takes their size as it is; otherwise sizes are at
/// least 1.
struct RoiAlign {
  std::int64_t blocks = 0;  ///< of 16 channels
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t out_height = 1;
  std::int64_t out_width = 1;
  std::int64_t sampling_ratio = 0;  ///< samples a bin along either axis; 0: the bin's extent, rounded up
  float spatial_scale = 1;
  bool maximum = false;
  bool half_pixel = true;
};

/// Where the samples of a region lie. rows and columns are those of one bin; rows is -1 where their product is above
/// 2^24 or the region is not finite.
struct RoiGrid {
  double y = 0;
  double x = 0;
  double bin_height = 0;
  double bin_width = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};
/// `region` is (x1, y1, x2, y2) before spatial_scale.
RoiGrid roi_grid(const RoiAlign& a, const float* region);

/// One coordinate of a sample: the two pixels and their weights, both 0 outside.
struct RoiPlace {
  std::int64_t low;
  std::int64_t high;
  float low_weight;
  float high_weight;
};
inline std::int64_t roi_places(const RoiAlign& a, const RoiGrid& g) {
  return a.out_height * g.rows + a.out_width * g.columns;
}

/// One region of one image, all blocks: y is [blocks][out_height][out_width][16]. `places` has room for roi_places().
void roi_align_f32(const RoiAlign& a, const RoiGrid& grid, const float* image, float* y, RoiPlace* places,
                   Isa isa = max_isa());

/// What the levels take: places of the rows, then of the columns. Internal.
using RoiBins = void (*)(const RoiAlign& a, const RoiGrid& grid, const RoiPlace* rows, const RoiPlace* columns,
                         const float* image, float* y);
extern const RoiBins kRoiBinsScalar;
extern const RoiBins kRoiBinsAvx2;
extern const RoiBins kRoiBinsAvx512;

}  // namespace oriel::kernels
