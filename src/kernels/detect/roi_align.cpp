// Places of a region's samples, which the levels' kernels weigh.
#include "kernels/detect/roi_align.h"

#include <algorithm>
#include <cmath>

namespace oriel::kernels {
namespace {

void places_of(double start, double bin, std::int64_t bins, std::int64_t samples, std::int64_t extent, RoiPlace* to) {
  for (std::int64_t b = 0; b < bins; ++b) {
    for (std::int64_t s = 0; s < samples; ++s, ++to) {
      double place =
          start + (static_cast<double>(b) + (static_cast<double>(s) + 0.5) / static_cast<double>(samples)) * bin;
      *to = {0, 0, 0, 0};
      if (extent == 0 || !(place >= -1 && place <= static_cast<double>(extent))) continue;
      place = std::max(place, 0.0);
      const auto low = static_cast<std::int64_t>(place);
      if (low >= extent - 1) {
        *to = {extent - 1, extent - 1, 1, 0};
      } else {
        const double part = place - static_cast<double>(low);
        *to = {low, low + 1, static_cast<float>(1 - part), static_cast<float>(part)};
      }
    }
  }
}

}  // namespace

RoiGrid roi_grid(const RoiAlign& a, const float* region) {
  constexpr double kMostSamples = 1 << 24;
  const double offset = a.half_pixel ? 0.5 : 0;
  RoiGrid g;
  g.x = static_cast<double>(region[0]) * a.spatial_scale - offset;
  g.y = static_cast<double>(region[1]) * a.spatial_scale - offset;
  double width = static_cast<double>(region[2]) * a.spatial_scale - offset - g.x;
  double height = static_cast<double>(region[3]) * a.spatial_scale - offset - g.y;
  if (!a.half_pixel) {
    width = std::max(width, 1.0);
    height = std::max(height, 1.0);
  }
  g.bin_height = height / static_cast<double>(a.out_height);
  g.bin_width = width / static_cast<double>(a.out_width);
  const double rows = a.sampling_ratio > 0 ? static_cast<double>(a.sampling_ratio) : std::ceil(g.bin_height);
  const double columns = a.sampling_ratio > 0 ? static_cast<double>(a.sampling_ratio) : std::ceil(g.bin_width);
  if (!(std::max(rows, 1.0) * std::max(columns, 1.0) <= kMostSamples)) {
    g.rows = -1;
    return g;
  }
  g.rows = std::max<std::int64_t>(0, static_cast<std::int64_t>(rows));
  g.columns = std::max<std::int64_t>(0, static_cast<std::int64_t>(columns));
  return g;
}

void roi_align_f32(const RoiAlign& a, const RoiGrid& grid, const float* image, float* y, RoiPlace* places, Isa isa) {
  RoiPlace* columns = places + a.out_height * grid.rows;
  places_of(grid.y, grid.bin_height, a.out_height, grid.rows, a.height, places);
  places_of(grid.x, grid.bin_width, a.out_width, grid.columns, a.width, columns);
  const RoiBins bins = isa == Isa::kScalar ? kRoiBinsScalar : isa == Isa::kAvx2 ? kRoiBinsAvx2 : kRoiBinsAvx512;
  bins(a, grid, places, columns, image, y);
}

}  // namespace oriel::kernels
