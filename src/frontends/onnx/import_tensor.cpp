// Importers of operators that move, select and resize elements.
#include <algorithm>
#include <limits>
#include <optional>

#include "frontends/onnx/data_types.h"
#include "frontends/onnx/import_table.h"

namespace oriel::onnx {
namespace {

constexpr int kNewest = ImportTable::kNewest;

// Squeeze and Unsqueeze before 13.
void import_axes_attribute(ImportContext& c) {
  c.attribute_to_input("axes", 1);
  c.emit_as();
}

void import_slice_1(ImportContext& c) {
  c.attribute_to_input("starts", 1);
  c.attribute_to_input("ends", 2);
  c.attribute_to_input("axes", 3);
  c.emit_as();
}

// Before 13: the extents are an attribute, in version 1 also an operand of the data's type.
void import_split(ImportContext& c) {
  if (c.input(1) != nullptr && c.input(1)->element() != ElementType::kI64) {
    c.inputs()[1] = c.call("Cast", {c.input(1)}, {{"to", ElementType::kI64}});
  }
  c.attribute_to_input("split", 1);
  c.emit_as();
}

// Versions 1 (paddings) and 2: pads and value are attributes.
void import_pad(ImportContext& c) {
  c.attribute_to_input("paddings", 1);
  c.attribute_to_input("pads", 1);
  const float value = c.attributes().get_float("value", 0.0F);
  c.attributes().erase("value");
  if (value != 0 && c.input(0) != nullptr) {
    Tensor filler = Tensor::allocate(c.input(0)->element(), {});
    store_element(filler, 0, value);
    c.inputs().resize(3, nullptr);
    c.inputs()[2] = c.constant(std::move(filler));
  }
  c.emit_as();
}

void import_top_k_1(ImportContext& c) {
  c.attribute_to_input("k", 1);
  c.emit_as();
}

// Version 1 repeats one axis: both numbers are operands of the data's type.
void import_tile_1(ImportContext& c) {
  Value* x = c.input(0);
  if (x == nullptr || c.input(1) == nullptr || c.input(2) == nullptr)
    fail(ErrorCode::kInvalidGraph, "Tile: an input is missing");
  if (!x->shape().is_ranked()) fail(ErrorCode::kNotImplemented, "Tile: version 1 needs an input of known rank");
  const auto number = [&](Value* v) {
    Value* whole = v->element() == ElementType::kI64 ? v : c.call("Cast", {v}, {{"to", ElementType::kI64}});
    return c.call("Reshape", {whole, c.constant(Tensor::of_i64({1}))});
  };
  Value* ones = c.constant(Tensor::of_i64(std::vector<std::int64_t>(x->shape().rank(), 1)));
  c.inputs() = {x, c.call("ScatterElements", {ones, number(c.input(2)), number(c.input(1))})};
  c.emit_as();
}

void import_scatter(ImportContext& c) { c.emit_as("ScatterElements"); }

void import_roi_align_10(ImportContext& c) {
  c.attributes().set("coordinate_transformation_mode", std::string("output_half_pixel"));
  c.emit_as();
}

// Resize 10 and Upsample: the place is index / scale; the nearest element is the one below it where an axis grows and
// the one above it where it shrinks. Interpolation of axes is separable, so an axis of each kind takes two steps.
void resize_by_scales(ImportContext& c, Value* x, Value* scales, const std::string& mode) {
  const auto resize = [&](Value* data, Value* factors, const char* nearest) {
    return c.call("Resize", {data, nullptr, factors},
                  {{"mode", mode == "bilinear" ? std::string("linear") : mode},
                   {"coordinate_transformation_mode", std::string("asymmetric")},
                   {"nearest_mode", std::string(nearest)}});
  };
  const Tensor* known = scales->constant();
  if (mode != "nearest" || known == nullptr || known->type() != ElementType::kF32) {
    c.finish({resize(x, scales, "floor")});
    return;
  }
  std::vector<float> down(known->data<float>(), known->data<float>() + known->size());
  std::vector<float> up = down;
  for (float& f : down) f = std::min(f, 1.0F);
  for (float& f : up) f = std::max(f, 1.0F);
  const auto changes = [](const std::vector<float>& factors) {
    return std::any_of(factors.begin(), factors.end(), [](float f) { return f != 1; });
  };
  const Dims dims = {known->size()};
  if (changes(down)) x = resize(x, changes(up) ? c.constant(Tensor::of<float>(down, dims)) : scales, "ceil");
  if (changes(up) || !changes(down))
    x = resize(x, changes(down) ? c.constant(Tensor::of<float>(up, dims)) : scales, "floor");
  c.finish({x});
}

void import_resize_10(ImportContext& c) {
  if (c.input(0) == nullptr || c.input(1) == nullptr)
    fail(ErrorCode::kInvalidGraph, "{}: an input is missing", c.op_type());
  resize_by_scales(c, c.input(0), c.input(1), c.attributes().get_string("mode", "nearest"));
}

void import_upsample_1(ImportContext& c) {
  const Attributes& a = c.attributes();
  const float height = a.get_float("height_scale");
  const float width = a.get_float("width_scale");
  c.inputs().resize(1, nullptr);
  c.inputs().push_back(c.constant(Tensor::of<float>({1, 1, height, width}, {4})));
  import_resize_10(c);
}

void import_upsample_7(ImportContext& c) {
  c.attribute_to_input("scales", 1);
  import_resize_10(c);
}

// GridSample 16 names its modes after images.
void import_grid_sample_16(ImportContext& c) {
  const std::string mode = c.attributes().get_string("mode", "bilinear");
  c.attributes().set("mode", mode == "bilinear"  ? std::string("linear")
                             : mode == "bicubic" ? std::string("cubic")
                                                 : mode);
  c.emit_as();
}

// Crop, an experiment of version 1: `border` (left, top, right, bottom) goes, or a window of `scale` (height, width)
// stays.
void import_crop(ImportContext& c) {
  const std::vector<std::int64_t> border = c.attributes().get_ints("border");
  const std::vector<std::int64_t> scale = c.attributes().get_ints("scale", {});
  if (border.size() != 4 || (!scale.empty() && scale.size() != 2)) {
    fail(ErrorCode::kInvalidGraph, "Crop: border has {} numbers and scale {}, expected 4 and 2", border.size(),
         scale.size());
  }
  const auto end = [](std::int64_t cut) { return cut == 0 ? std::numeric_limits<std::int64_t>::max() : -cut; };
  const std::vector<std::int64_t> ends = scale.empty()
                                             ? std::vector<std::int64_t>{end(border[3]), end(border[2])}
                                             : std::vector<std::int64_t>{border[1] + scale[0], border[0] + scale[1]};
  c.finish({c.call("Slice", {c.input(0), c.constant(Tensor::of_i64({border[1], border[0]})),
                             c.constant(Tensor::of_i64(ends)), c.constant(Tensor::of_i64({2, 3}))})});
}

// ImageScaler, an experiment of version 1: x * scale + bias[channel].
void import_image_scaler(ImportContext& c) {
  const ElementType element = c.input(0) == nullptr ? ElementType::kF32 : c.input(0)->element();
  const std::vector<float>& bias = c.attributes().get_floats("bias");
  Tensor scale = Tensor::allocate(element, {});
  store_element(scale, 0, c.attributes().get_float("scale", 1.0F));
  Tensor channels = Tensor::allocate(element, {static_cast<std::int64_t>(bias.size()), 1, 1});
  for (std::size_t i = 0; i < bias.size(); ++i) store_element(channels, static_cast<std::int64_t>(i), bias[i]);
  Value* scaled = c.call("Mul", {c.input(0), c.constant(std::move(scale))});
  c.finish({c.call("Add", {scaled, c.constant(std::move(channels))})});
}

// The shape that the experimental fill operators of version 1 describe: `shape`, or the operand's elements
// (input_as_shape), or the operand's shape, followed by extra_shape.
Value* filled_shape(ImportContext& c) {
  const Attributes& a = c.attributes();
  if (c.input(0) == nullptr) return c.constant(Tensor::of_i64(a.get_ints("shape")));
  Value* given = c.input(0);
  const std::vector<std::int64_t> extra = a.get_ints("extra_shape", {});
  if (a.get_int("input_as_shape", 0) == 0) {
    given = c.call("Shape", {given});
  } else if (given->element() != ElementType::kI64) {
    given = c.call("Cast", {given}, {{"to", ElementType::kI64}});
  }
  if (extra.empty()) return given;
  return c.call("Concat", {given, c.constant(Tensor::of_i64(extra))}, {{"axis", std::int64_t{0}}});
}

void import_given_tensor_fill(ImportContext& c) {
  const std::vector<float> values = c.attributes().get_floats("values");
  Value* data = c.constant(Tensor::of<float>(values, {static_cast<std::int64_t>(values.size())}));
  c.finish({c.call("Reshape", {data, filled_shape(c)}, {{"allowzero", std::int64_t{1}}})});
}

void import_constant_fill(ImportContext& c) {
  const std::optional<ElementType> element = element_from_onnx(c.attributes().get_int("dtype", 1));
  if (!element)
    fail(ErrorCode::kInvalidGraph, "attribute dtype is the unknown element type number {}",
         c.attributes().get_int("dtype"));
  Tensor value = Tensor::allocate(*element, {1});
  store_element(value, 0, c.attributes().get_float("value", 0.0F));
  c.finish({c.call("ConstantOfShape", {filled_shape(c)}, {{"value", value}})});
}

void import_dynamic_slice(ImportContext& c) { c.emit_as("Slice"); }

}  // namespace

void add_tensor_rows(ImportTable& table) {
  table.add("Squeeze", 1, 12, import_axes_attribute);
  table.add("Unsqueeze", 1, 12, import_axes_attribute);
  table.add("Slice", 1, 9, import_slice_1);
  table.add("Split", 1, 12, import_split);
  table.add("Pad", 1, 10, import_pad);
  table.add("TopK", 1, 9, import_top_k_1);
  table.add("Tile", 1, 5, import_tile_1);
  table.add("Scatter", 1, kNewest, import_scatter);
  table.add("RoiAlign", 1, 15, import_roi_align_10);
  table.add("Resize", 1, 10, import_resize_10);
  table.add("Upsample", 1, 6, import_upsample_1);
  table.add("Upsample", 7, 8, import_upsample_7);
  table.add("Upsample", 9, kNewest, import_resize_10);
  table.add("GridSample", 16, 19, import_grid_sample_16);
  table.add("Crop", 1, kNewest, import_crop);
  table.add("ConstantFill", 1, kNewest, import_constant_fill);
  table.add("DynamicSlice", 1, kNewest, import_dynamic_slice);
  table.add("GivenTensorFill", 1, kNewest, import_given_tensor_fill);
  table.add("ImageScaler", 1, kNewest, import_image_scaler);
}

}  // namespace oriel::onnx
