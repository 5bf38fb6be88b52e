// MaxRoiPool (Fast R-CNN): each region [batch, x1, y1, x2, y2], scaled and rounded to whole pixels, cut into
// pooled_shape bins; each output is the maximum of a bin, 0 where it is empty.
#include "ops/max_roi_pool.h"

namespace oriel::ops {

RoiBins RoiBins::read(const Attributes& attributes) {
  const std::vector<std::int64_t>& shape = attributes.get_ints("pooled_shape");
  ORIEL_REQUIRE(shape.size() == 2 && shape[0] > 0 && shape[1] > 0, "pooled_shape is {}", to_string(Dims(shape)));
  return {shape[0], shape[1], static_cast<double>(attributes.get_float("spatial_scale"))};
}

RoiBins::Span RoiBins::Axis::span(std::int64_t i, std::int64_t extent) const {
  const auto low = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * bin) + start);
  const auto high = static_cast<std::int64_t>(std::ceil(static_cast<double>(i + 1) * bin) + start);
  return {std::clamp<std::int64_t>(low, 0, extent), std::clamp<std::int64_t>(high, 0, extent)};
}

RoiBins::Region RoiBins::region(const Tensor& rois, std::int64_t r, std::int64_t images) const {
  double numbers[5];
  for (int i = 0; i < 5; ++i) {
    numbers[i] = element_as_f64(rois, 5 * r + i);
    ORIEL_REQUIRE(std::abs(numbers[i] * scale) < 1e9, "region {} has the number {}", r, numbers[i]);
  }
  const auto pixel = [&](int i) { return std::round(numbers[i] * scale); };
  const auto axis = [](double first, double last, std::int64_t bins) {
    return Axis{first, std::max(last - first + 1, 1.0) / static_cast<double>(bins)};
  };
  const Region region{static_cast<std::int64_t>(numbers[0]), axis(pixel(2), pixel(4), rows),
                      axis(pixel(1), pixel(3), columns)};
  ORIEL_REQUIRE(region.batch >= 0 && region.batch < images, "batch index {} out of range for {}", region.batch, images);
  return region;
}

namespace {

void infer(InferContext& c) {
  const RoiBins pooled = RoiBins::read(c.attributes());
  const Shape& x = c.shape(0);
  const Shape& rois = c.shape(1);
  if ((x.is_ranked() && x.rank() != 4) || (rois.is_ranked() && rois.rank() != 2)) {
    fail(ErrorCode::kInvalidGraph, "input {} and regions {}, expected ranks 4 and 2", x.to_string(), rois.to_string());
  }
  c.set(0, c.element(0),
        Shape{rois.is_ranked() ? rois[0] : Dim::unknown(), x.is_ranked() ? x[1] : Dim::unknown(), Dim(pooled.rows),
              Dim(pooled.columns)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& rois = inputs[1];
  const RoiBins pooled = RoiBins::read(inputs.attributes());
  ORIEL_REQUIRE(x.rank() == 4 && rois.rank() == 2 && rois.dim(1) == 5, "input {} and regions {}", x.description(),
                rois.description());
  const std::int64_t channels = x.dim(1);
  const std::int64_t h = x.dim(2);
  const std::int64_t w = x.dim(3);
  Tensor& out = outputs.allocate(0, x.type(), {rois.dim(0), channels, pooled.rows, pooled.columns});
  dispatch_float(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* to = out.data<T>();
    for (std::int64_t r = 0; r < rois.dim(0); ++r) {
      context.check();
      const RoiBins::Region region = pooled.region(rois, r, x.dim(0));
      for (std::int64_t k = 0; k < channels; ++k) {
        const T* plane = in + (region.batch * channels + k) * h * w;
        for (std::int64_t p = 0; p < pooled.rows * pooled.columns; ++p) {
          const auto [y0, y1] = region.rows.span(p / pooled.columns, h);
          const auto [x0, x1] = region.columns.span(p % pooled.columns, w);
          double most = y0 < y1 && x0 < x1 ? widen(plane[y0 * w + x0]) : 0;
          for (std::int64_t y = y0; y < y1; ++y) {
            for (std::int64_t column = x0; column < x1; ++column) most = std::max(most, widen(plane[y * w + column]));
          }
          to[(r * channels + k) * pooled.rows * pooled.columns + p] = narrow<T>(most);
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
