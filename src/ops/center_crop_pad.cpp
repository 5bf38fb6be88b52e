// CenterCropPad: the extents of input 1 on `axes`, cut from the centre (starting at the rounded down half) or padded
// with zeros around it (the odd one at the end).
#include "ops/center_crop_pad.h"

#include "ops/movement.h"

namespace oriel::ops {
namespace {

std::vector<std::size_t> cropped_axes(const Attributes& attributes, std::size_t rank) {
  std::vector<std::int64_t> axes;
  if (attributes.has("axes")) {
    axes = attributes.get_ints("axes");
  } else {
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  return resolve_axes(axes, rank);
}

void infer(InferContext& c) {
  const Shape& in = c.shape(0);
  if (!in.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  const std::vector<std::size_t> axes = cropped_axes(c.attributes(), in.rank());
  const std::vector<Dim>* wanted = c.content(1);
  if (wanted != nullptr && wanted->size() != axes.size())
    fail(ErrorCode::kInvalidGraph, "{} extents for {} axes", wanted->size(), axes.size());
  Shape out = in;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (wanted != nullptr && (*wanted)[i].max() < 0)
      fail(ErrorCode::kInvalidGraph, "an extent is {}", (*wanted)[i].to_string());
    out[axes[i]] = wanted == nullptr ? Dim::unknown() : (*wanted)[i].bounded(0, kUnboundedDim);
  }
  c.set(0, c.element(0), std::move(out));
}

}  // namespace

CenteredWindow::CenteredWindow(const Attributes& attributes, const Tensor& x, const Tensor& extents)
    : dims(x.dims()), shift(x.rank(), 0) {
  const std::vector<std::size_t> axes = cropped_axes(attributes, x.rank());
  ORIEL_REQUIRE(extents.size() == static_cast<std::int64_t>(axes.size()), "{} extents for {} axes", extents.size(),
                axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t have = x.dim(axes[i]);
    const std::int64_t wanted = element_as_i64(extents, static_cast<std::int64_t>(i));
    ORIEL_REQUIRE(wanted >= 0, "an extent is {}", wanted);
    dims[axes[i]] = wanted;
    shift[axes[i]] = have >= wanted ? (have - wanted) / 2 : -((wanted - have) / 2);
  }
}

namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const CenteredWindow window(inputs.attributes(), x, inputs[1]);
  const Dims& dims = window.dims;
  const Dims& shift = window.shift;
  Tensor& out = outputs.allocate(0, x.type(), dims);
  fill_zero(out);
  const Dims strides = row_major_strides(x.dims());
  Dims index(dims.size(), 0);
  copy_elements(out, x, context, [&](std::int64_t) {
    std::int64_t at = 0;
    for (std::size_t i = 0; i < dims.size() && at >= 0; ++i) {
      const std::int64_t from = index[i] + shift[i];
      at = from < 0 || from >= x.dim(i) ? -1 : at + from * strides[i];
    }
    advance(index, dims);
    return at;
  });
}

}  // namespace

OpDef op_center_crop_pad() {
  return {.name = "CenterCropPad",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"axes", std::vector<std::int64_t>(), AttributeDef::Need::kOptional}},
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
