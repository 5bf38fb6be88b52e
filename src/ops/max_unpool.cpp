// MaxUnpool: puts x[i] at the linear index I[i] of a tensor of zeros that has the extents (in - 1) * stride + kernel -
// pads; where output_shape is given, that tensor is the leading corner of the output.
#include "ops/pool.h"

namespace oriel::ops {

Dims unpooled_dims(const Attributes& attributes, const Dims& x) {
  const Window w = Window::read(attributes, x.size() - 2);
  ORIEL_REQUIRE(w.kernel.size() == x.size() - 2, "attribute kernel_shape is empty");
  Dims natural{x[0], x[1]};
  for (std::size_t i = 0; i < w.kernel.size(); ++i) {
    natural.push_back((x[i + 2] - 1) * w.strides[i] + w.kernel[i] - w.pads_begin[i] - w.pads_end[i]);
    ORIEL_REQUIRE(natural.back() >= 0, "an output of {} on spatial axis {}", natural.back(), i);
  }
  return natural;
}

namespace {

void infer(InferContext& c) {
  require_element(c, 1, {ElementType::kI64});
  const Shape& x = c.shape(0);
  Shape out = x;
  if (x.is_ranked()) {
    if (x.rank() < 3) fail(ErrorCode::kInvalidGraph, "input of shape {}, expected a rank of 3 or more", x.to_string());
    const Window w = Window::read(c.attributes(), x.rank() - 2);
    if (w.kernel.size() != x.rank() - 2) fail(ErrorCode::kInvalidGraph, "attribute kernel_shape is empty");
    for (std::size_t i = 0; i < w.kernel.size(); ++i) {
      out[i + 2] = ((x[i + 2] - Dim(1)) * Dim(w.strides[i]) + Dim(w.kernel[i] - w.pads_begin[i] - w.pads_end[i]))
                       .bounded(0, kUnboundedDim);
    }
  }
  if (c.has_input(2)) {
    const std::vector<Dim>* wanted = c.content(2);
    if (wanted != nullptr) {
      for (const Dim& d : *wanted) {
        if (d.is_known() && d.value() < 0) fail(ErrorCode::kInvalidGraph, "output_shape holds {}", d.value());
      }
    }
    out = wanted != nullptr ? Shape(*wanted) : x.is_ranked() ? Shape::of_rank(x.rank()) : Shape::unranked();
    for (Dim& d : out.dims()) d = d.bounded(0, kUnboundedDim);
  }
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& indices = inputs[1];
  ORIEL_REQUIRE(x.rank() >= 3 && indices.dims() == x.dims(), "input of shape {} and indices of shape {}",
                to_string(x.dims()), to_string(indices.dims()));
  const Dims natural = unpooled_dims(inputs.attributes(), x.dims());
  Dims dims = natural;
  if (inputs.has(2)) dims = inputs[2].to_i64();
  ORIEL_REQUIRE(dims.size() == natural.size(), "output_shape is {}, expected {} extents", to_string(dims),
                natural.size());
  const std::int64_t limit = count_elements(natural);
  const Dims strides = row_major_strides(dims);
  Tensor& out = outputs.allocate(0, x.type(), dims);
  fill_zero(out);
  const std::int64_t* from = indices.data<std::int64_t>();
  dispatch_float(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* y = out.data<T>();
    for_each_element(x.size(), context, [&](std::int64_t i) {
      ORIEL_REQUIRE(from[i] >= 0 && from[i] < limit, "index {} outside {}", from[i], to_string(natural));
      const Dims at = unravel(from[i], natural);
      for (std::size_t d = 0; d < at.size(); ++d) {
        ORIEL_REQUIRE(at[d] < dims[d], "index {} of {} outside the output {}", from[i], to_string(natural),
                      to_string(dims));
      }
      y[ravel(at, strides)] = in[i];
    });
  });
}

}  // namespace

OpDef op_max_unpool() {
  const std::vector<std::int64_t> ints;
  return {.name = "MaxUnpool",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = {{"kernel_shape", ints, AttributeDef::Need::kRequired},
                         {"pads", ints, AttributeDef::Need::kOptional},
                         {"strides", ints, AttributeDef::Need::kOptional}},
          .traits = {.shape_operands = 1U << 2},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
