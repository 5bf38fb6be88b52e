// com.microsoft.CropAndResize: boxes (y1, x1, y2, x2 in units of height - 1 and width - 1) cut out of images and
// resized to crop_size, bilinear or nearest; samples outside of the image take extrapolation_value.
#include "ops/crop_and_resize.h"

namespace oriel::ops {
namespace {

void check_mode(const std::string& mode) {
  if (mode != "bilinear" && mode != "nearest")
    fail(ErrorCode::kInvalidGraph, "attribute mode is \"{}\", expected bilinear or nearest", mode);
}

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kF16});
  require_same_element(c, 0, 1);
  require_element(c, 2, {ElementType::kI32});
  require_element(c, 3, {ElementType::kI32});
  check_mode(c.attributes().get_string("mode"));
  const Shape& x = c.shape(0);
  const Shape& rois = c.shape(1);
  if ((x.is_ranked() && x.rank() != 4) || (rois.is_ranked() && rois.rank() != 2)) {
    fail(ErrorCode::kInvalidGraph, "input of shape {} and rois of shape {}, expected ranks 4 and 2", x.to_string(),
         rois.to_string());
  }
  Shape out = Shape::of_rank(4);
  if (rois.is_ranked()) out[0] = rois[0];
  if (x.is_ranked()) out[1] = x[1];
  if (const std::vector<Dim>* size = c.content(3); size != nullptr && size->size() == 2) {
    for (std::size_t i = 0; i < 2; ++i) out[i + 2] = (*size)[i].min() < 0 ? Dim::unknown() : (*size)[i];
  }
  c.set(0, c.element(0), std::move(out));
}

}  // namespace

double crop_position(std::int64_t i, std::int64_t count, double begin, double end, std::int64_t extent) {
  const auto last = static_cast<double>(extent - 1);
  if (count > 1) return begin * last + static_cast<double>(i) * (end - begin) * last / static_cast<double>(count - 1);
  return 0.5 * (begin + end) * last;
}

CropGeometry::CropGeometry(const Inputs& inputs) {
  const Tensor& x = inputs[0];
  const Tensor& rois = inputs[1];
  ORIEL_REQUIRE(x.rank() == 4 && rois.rank() == 2 && rois.dim(1) == 4, "input of shape {} and rois of shape {}",
                to_string(x.dims()), to_string(rois.dims()));
  count = rois.dim(0);
  ORIEL_REQUIRE(inputs[2].size() == count, "{} batch indices for {} rois", inputs[2].size(), count);
  ORIEL_REQUIRE(inputs[3].size() == 2, "crop_size has {} elements, expected 2", inputs[3].size());
  height = element_as_i64(inputs[3], 0);
  width = element_as_i64(inputs[3], 1);
  ORIEL_REQUIRE(height > 0 && width > 0, "crop_size is {} x {}", height, width);
  for (std::int64_t r = 0; r < count; ++r)
    ORIEL_REQUIRE(image(inputs, r) >= 0 && image(inputs, r) < x.dim(0), "batch index {} is outside [0, {})",
                  image(inputs, r), x.dim(0));
}

std::int64_t CropGeometry::image(const Inputs& inputs, std::int64_t r) const { return element_as_i64(inputs[2], r); }

namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& rois = inputs[1];
  const CropGeometry g(inputs);
  const std::string& mode = inputs.attributes().get_string("mode");
  check_mode(mode);
  const double outside = inputs.attributes().get_float("extrapolation_value");
  const std::int64_t height = x.dim(2);
  const std::int64_t width = x.dim(3);
  Tensor& y = outputs.allocate(0, x.type(), {g.count, x.dim(1), g.height, g.width});
  std::int64_t o = 0;
  for (std::int64_t r = 0; r < g.count; ++r) {
    const std::int64_t image = g.image(inputs, r);
    const auto box = [&](std::int64_t i) { return element_as_f64(rois, r * 4 + i); };
    for (std::int64_t channel = 0; channel < x.dim(1); ++channel) {
      context.check();
      const std::int64_t plane = (image * x.dim(1) + channel) * height * width;
      const auto at = [&](std::int64_t row, std::int64_t column) {
        return element_as_f64(x, plane + row * width + column);
      };
      for (std::int64_t h = 0; h < g.height; ++h) {
        const double py = crop_position(h, g.height, box(0), box(2), height);
        for (std::int64_t w = 0; w < g.width; ++w, ++o) {
          const double px = crop_position(w, g.width, box(1), box(3), width);
          if (!(py >= 0 && py <= static_cast<double>(height - 1) && px >= 0 && px <= static_cast<double>(width - 1))) {
            store_element(y, o, outside);
            continue;
          }
          if (mode == "nearest") {
            store_element(y, o,
                          at(static_cast<std::int64_t>(std::round(py)), static_cast<std::int64_t>(std::round(px))));
            continue;
          }
          const auto top = static_cast<std::int64_t>(std::floor(py));
          const auto left = static_cast<std::int64_t>(std::floor(px));
          const std::int64_t bottom = std::min(top + 1, height - 1);
          const std::int64_t right = std::min(left + 1, width - 1);
          const double fy = py - static_cast<double>(top);
          const double fx = px - static_cast<double>(left);
          const double upper = at(top, left) + (at(top, right) - at(top, left)) * fx;
          const double lower = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * fx;
          store_element(y, o, upper + (lower - upper) * fy);
        }
      }
    }
  }
}

}  // namespace

OpDef op_microsoft_crop_and_resize() {
  return {.name = "CropAndResize",
          .domain = "com.microsoft",
          .min_inputs = 4,
          .max_inputs = 4,
          .attributes = {{"extrapolation_value", 0.0F}, {"mode", std::string("bilinear")}},
          .traits = {.shape_operands = 0b1000},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
