// MaxRoiPool (Fast R-CNN): each region [batch, x1, y1, x2, y2], scaled and rounded to whole pixels, cut into
// pooled_shape bins; each output is the maximum of a bin, 0 where it is empty.
#include "ops/common.h"

namespace oriel::ops {
namespace {

const std::vector<std::int64_t>& pooled_shape(const Attributes& attributes) {
  const std::vector<std::int64_t>& shape = attributes.get_ints("pooled_shape");
  ORIEL_REQUIRE(shape.size() == 2 && shape[0] > 0 && shape[1] > 0, "pooled_shape is {}", to_string(Dims(shape)));
  return shape;
}

void infer(InferContext& c) {
  const std::vector<std::int64_t>& pooled = pooled_shape(c.attributes());
  const Shape& x = c.shape(0);
  const Shape& rois = c.shape(1);
  if ((x.is_ranked() && x.rank() != 4) || (rois.is_ranked() && rois.rank() != 2)) {
    fail(ErrorCode::kInvalidGraph, "input {} and regions {}, expected ranks 4 and 2", x.to_string(), rois.to_string());
  }
  c.set(0, c.element(0),
        Shape{rois.is_ranked() ? rois[0] : Dim::unknown(), x.is_ranked() ? x[1] : Dim::unknown(), Dim(pooled[0]),
              Dim(pooled[1])});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& rois = inputs[1];
  const std::vector<std::int64_t>& pooled = pooled_shape(inputs.attributes());
  ORIEL_REQUIRE(x.rank() == 4 && rois.rank() == 2 && rois.dim(1) == 5, "input {} and regions {}", x.description(),
                rois.description());
  const double scale = inputs.attributes().get_float("spatial_scale");
  const std::int64_t channels = x.dim(1);
  const std::int64_t h = x.dim(2);
  const std::int64_t w = x.dim(3);
  Tensor& out = outputs.allocate(0, x.type(), {rois.dim(0), channels, pooled[0], pooled[1]});
  dispatch_float(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* to = out.data<T>();
    for (std::int64_t r = 0; r < rois.dim(0); ++r) {
      context.check();
      double region[5];
      for (int i = 0; i < 5; ++i) {
        region[i] = element_as_f64(rois, 5 * r + i);
        ORIEL_REQUIRE(std::abs(region[i] * scale) < 1e9, "region {} has the number {}", r, region[i]);
      }
      const auto batch = static_cast<std::int64_t>(region[0]);
      ORIEL_REQUIRE(batch >= 0 && batch < x.dim(0), "batch index {} out of range for {}", batch, x.dim(0));
      const auto pixel = [&](int i) { return std::round(region[i] * scale); };
      const double bin_h = std::max(pixel(4) - pixel(2) + 1, 1.0) / static_cast<double>(pooled[0]);
      const double bin_w = std::max(pixel(3) - pixel(1) + 1, 1.0) / static_cast<double>(pooled[1]);
      const auto span = [](double start, double bin, std::int64_t i, std::int64_t extent) {
        const auto low = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * bin) + start);
        const auto high = static_cast<std::int64_t>(std::ceil(static_cast<double>(i + 1) * bin) + start);
        return std::pair(std::clamp<std::int64_t>(low, 0, extent), std::clamp<std::int64_t>(high, 0, extent));
      };
      for (std::int64_t k = 0; k < channels; ++k) {
        const T* plane = in + (batch * channels + k) * h * w;
        for (std::int64_t p = 0; p < pooled[0] * pooled[1]; ++p) {
          const auto [y0, y1] = span(pixel(2), bin_h, p / pooled[1], h);
          const auto [x0, x1] = span(pixel(1), bin_w, p % pooled[1], w);
          double most = y0 < y1 && x0 < x1 ? widen(plane[y0 * w + x0]) : 0;
          for (std::int64_t y = y0; y < y1; ++y) {
            for (std::int64_t column = x0; column < x1; ++column) most = std::max(most, widen(plane[y * w + column]));
          }
          to[(r * channels + k) * pooled[0] * pooled[1] + p] = narrow<T>(most);
        }
      }
    }
  });
}

}  // namespace

OpDef op_max_roi_pool() {
  return {.name = "MaxRoiPool",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"pooled_shape", std::vector<std::int64_t>(), AttributeDef::Need::kRequired},
                         {"spatial_scale", 1.0F}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
