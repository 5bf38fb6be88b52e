// RoiAlign (Mask R-CNN): each region is cut into output_height x output_width bins, each bin the mean or maximum of
// bilinear samples at a regular grid (the maximum over the weighted pixels of all samples, as the standard's own
// results have it). half_pixel shifts regions by -0.5; output_half_pixel does not, and widens regions to 1. Importers
// removed: version 10, which is output_half_pixel.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Attributes& a = c.attributes();
  if (a.get_int("output_height") < 1 || a.get_int("output_width") < 1) {
    fail(ErrorCode::kInvalidGraph, "bins of {} x {}", a.get_int("output_height"), a.get_int("output_width"));
  }
  const std::string& mode = a.get_string("mode");
  if (mode != "avg" && mode != "max") fail(ErrorCode::kInvalidGraph, "unknown mode {}", mode);
  const std::string& shift = a.get_string("coordinate_transformation_mode");
  if (shift != "half_pixel" && shift != "output_half_pixel")
    fail(ErrorCode::kInvalidGraph, "unknown coordinate_transformation_mode {}", shift);
  const Shape& x = c.shape(0);
  const Shape& rois = c.shape(1);
  if ((x.is_ranked() && x.rank() != 4) || (rois.is_ranked() && rois.rank() != 2)) {
    fail(ErrorCode::kInvalidGraph, "input {} and regions {}, expected ranks 4 and 2", x.to_string(), rois.to_string());
  }
  Dim count = rois.is_ranked() ? rois[0] : Dim::unknown();
  if (!count.is_known() && c.shape(2).is_ranked() && c.shape(2).rank() == 1 && c.shape(2)[0].is_known())
    count = c.shape(2)[0];
  c.set(0, c.element(0),
        Shape{count, x.is_ranked() ? x[1] : Dim::unknown(), Dim(a.get_int("output_height")),
              Dim(a.get_int("output_width"))});
}

// The four pixels around a place and their weights; nothing more than a pixel outside the image.
struct Corner {
  std::int64_t at[4];
  double weight[4];
};

bool corner_of(double y, double x, std::int64_t h, std::int64_t w, Corner& corner) {
  if (!(y >= -1 && y <= static_cast<double>(h) && x >= -1 && x <= static_cast<double>(w)) || h == 0 || w == 0)
    return false;
  const auto cut = [](double place, std::int64_t extent, std::int64_t& low, std::int64_t& high) {
    place = std::max(place, 0.0);
    low = static_cast<std::int64_t>(place);
    if (low >= extent - 1) {
      low = high = extent - 1;
      return 0.0;
    }
    high = low + 1;
    return place - static_cast<double>(low);
  };
  std::int64_t y0 = 0;
  std::int64_t y1 = 0;
  std::int64_t x0 = 0;
  std::int64_t x1 = 0;
  const double fy = cut(y, h, y0, y1);
  const double fx = cut(x, w, x0, x1);
  corner = {{y0 * w + x0, y0 * w + x1, y1 * w + x0, y1 * w + x1},
            {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}};
  return true;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& rois = inputs[1];
  const Attributes& a = inputs.attributes();
  ORIEL_REQUIRE(x.rank() == 4 && rois.rank() == 2 && rois.dim(1) == 4 && inputs[2].size() == rois.dim(0),
                "input {}, regions {} and batch indices {}", x.description(), rois.description(),
                inputs[2].description());
  const std::vector<std::int64_t> batches = inputs[2].to_i64();
  const std::int64_t out_h = a.get_int("output_height");
  const std::int64_t out_w = a.get_int("output_width");
  const std::int64_t ratio = a.get_int("sampling_ratio");
  const double scale = a.get_float("spatial_scale");
  const bool maximum = a.get_string("mode") == "max";
  const bool half_pixel = a.get_string("coordinate_transformation_mode") == "half_pixel";
  const std::int64_t channels = x.dim(1);
  const std::int64_t h = x.dim(2);
  const std::int64_t w = x.dim(3);
  constexpr double kMostSamples = 1 << 24;
  Tensor& out = outputs.allocate(0, x.type(), {rois.dim(0), channels, out_h, out_w});
  dispatch_float(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* to = out.data<T>();
    std::vector<Corner> corners;
    for (std::int64_t r = 0; r < rois.dim(0); ++r) {
      context.check();
      const std::int64_t batch = batches[static_cast<std::size_t>(r)];
      ORIEL_REQUIRE(batch >= 0 && batch < x.dim(0), "batch index {} out of range for {}", batch, x.dim(0));
      const double offset = half_pixel ? 0.5 : 0;
      const double x1 = element_as_f64(rois, 4 * r) * scale - offset;
      const double y1 = element_as_f64(rois, 4 * r + 1) * scale - offset;
      double roi_w = element_as_f64(rois, 4 * r + 2) * scale - offset - x1;
      double roi_h = element_as_f64(rois, 4 * r + 3) * scale - offset - y1;
      if (!half_pixel) {
        roi_w = std::max(roi_w, 1.0);
        roi_h = std::max(roi_h, 1.0);
      }
      const double bin_h = roi_h / static_cast<double>(out_h);
      const double bin_w = roi_w / static_cast<double>(out_w);
      const double rows = ratio > 0 ? static_cast<double>(ratio) : std::ceil(bin_h);
      const double columns = ratio > 0 ? static_cast<double>(ratio) : std::ceil(bin_w);
      ORIEL_REQUIRE(std::max(rows, 1.0) * std::max(columns, 1.0) <= kMostSamples, "region {} has {} x {} samples a bin",
                    r, rows, columns);
      for (std::int64_t p = 0; p < out_h * out_w; ++p) {
        corners.clear();
        const std::int64_t bin_row = p / out_w;
        for (double iy = 0; iy < rows; ++iy) {
          for (double ix = 0; ix < columns; ++ix) {
            const double y = y1 + (static_cast<double>(bin_row) + (iy + 0.5) / rows) * bin_h;
            const double place = x1 + (static_cast<double>(p % out_w) + (ix + 0.5) / columns) * bin_w;
            Corner corner;
            if (!corner_of(y, place, h, w, corner)) corner = {{0, 0, 0, 0}, {0, 0, 0, 0}};
            corners.push_back(corner);
          }
        }
        for (std::int64_t k = 0; k < channels; ++k) {
          const T* plane = in + (batch * channels + k) * h * w;
          double result = 0;
          for (std::size_t s = 0; s < corners.size(); ++s) {
            for (int i = 0; i < 4; ++i) {
              const double part = corners[s].weight[i] == 0 ? 0 : corners[s].weight[i] * widen(plane[corners[s].at[i]]);
              result = !maximum ? result + part : s == 0 && i == 0 ? part : std::max(result, part);
            }
          }
          if (!maximum) result /= std::max(static_cast<double>(corners.size()), 1.0);
          to[(r * channels + k) * out_h * out_w + p] = narrow<T>(result);
        }
      }
    }
  });
}

}  // namespace

OpDef op_roi_align() {
  return {.name = "RoiAlign",
          .min_inputs = 3,
          .max_inputs = 3,
          .attributes = {{"coordinate_transformation_mode", std::string("half_pixel")},
                         {"mode", std::string("avg")},
                         {"output_height", std::int64_t{1}},
                         {"output_width", std::int64_t{1}},
                         {"sampling_ratio", std::int64_t{0}},
                         {"spatial_scale", 1.0F}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
