// ConvTranspose: y[n, m, i * stride + k * dilation - pad] sums x[n, c, i] * w[c, m, k] over c, i and k, plus b[m]; any
// spatial rank, grouped.
#include "ops/conv_transpose.h"

namespace oriel::ops {

OutputSize OutputSize::read(const Attributes& attributes, std::size_t rank) {
  OutputSize size{attributes.get_ints("output_padding", {}), attributes.get_ints("output_shape", {})};
  if (size.padding.empty()) size.padding.assign(rank, 0);
  if (size.shape.size() == rank + 2) size.shape = Dims(size.shape.begin() + 2, size.shape.end());
  if (size.padding.size() != rank || (!size.shape.empty() && size.shape.size() != rank)) {
    fail(ErrorCode::kInvalidGraph, "attributes output_padding and output_shape have {} and {} values, expected {}",
         size.padding.size(), size.shape.size(), rank);
  }
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t shape = size.shape.empty() ? 0 : size.shape[i];
    if (size.padding[i] < 0 || size.padding[i] > kLargestWindow || shape < 0) {
      fail(ErrorCode::kInvalidGraph, "output_padding is {} and output_shape {} on spatial axis {}", size.padding[i],
           shape, i);
    }
  }
  return size;
}

Dim OutputSize::extent(const Window& w, std::size_t axis, const Dim& in) const {
  if (!shape.empty()) return shape[axis];
  if (w.auto_pad == "SAME_UPPER" || w.auto_pad == "SAME_LOWER") return in * Dim(w.strides[axis]);
  return (in - Dim(1)) * Dim(w.strides[axis]) +
         Dim(padding[axis] + w.span(axis) - w.pads_begin[axis] - w.pads_end[axis]);
}

Dims OutputSize::resolve(Window& w, const Dims& in) const {
  const bool fixed = !shape.empty() || w.auto_pad.starts_with("SAME");
  Dims out;
  for (std::size_t i = 0; i < in.size(); ++i) {
    out.push_back(extent(w, i, Dim(in[i])).value());
    ORIEL_REQUIRE(out[i] >= 0, "an output of {} on spatial axis {}", out[i], i);
    if (!fixed) continue;
    const std::int64_t total = std::max<std::int64_t>(0, w.strides[i] * (in[i] - 1) + padding[i] + w.span(i) - out[i]);
    w.pads_begin[i] = w.auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
  }
  return out;
}

namespace {

void infer(InferContext& c) {
  require_same_element(c, 0, 1);
  const Shape& x = c.shape(0);
  const Shape& w = c.shape(1);
  const std::int64_t group = c.attributes().get_int("group");
  if (group < 1) fail(ErrorCode::kInvalidGraph, "attribute group is {}", group);
  if (!x.is_ranked() || !w.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  if (x.rank() < 3 || w.rank() != x.rank()) {
    fail(ErrorCode::kInvalidGraph, "input of shape {} and weights of shape {}, expected the same rank of 3 or more",
         x.to_string(), w.to_string());
  }
  if (!x[1].may_equal(w[0]) || (w[0].is_known() && w[0].value() % group != 0)) {
    fail(ErrorCode::kInvalidGraph, "input of shape {} and weights of shape {} do not fit {} groups", x.to_string(),
         w.to_string(), group);
  }
  const std::size_t rank = x.rank() - 2;
  const OutputSize size = OutputSize::read(c.attributes(), rank);
  Dims kernel;
  for (std::size_t i = 0; i < rank; ++i) {
    if (w[i + 2].is_known()) kernel.push_back(w[i + 2].value());
  }
  Shape out = x;
  out[1] = w[1] * Dim(group);
  const bool known = kernel.size() == rank || !c.attributes().get_ints("kernel_shape", {}).empty();
  const Window window = Window::read(c.attributes(), rank, kernel.size() == rank ? kernel : Dims());
  for (std::size_t i = 0; i < rank; ++i) {
    out[i + 2] = known || !size.shape.empty() ? size.extent(window, i, x[i + 2]) : Dim::unknown();
    if (out[i + 2].is_known() && out[i + 2].value() < 0) {
      fail(ErrorCode::kInvalidGraph, "an output of {} on spatial axis {}", out[i + 2].value(), i);
    }
    out[i + 2] = out[i + 2].bounded(0, kUnboundedDim);
  }
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& w = inputs[1];
  ORIEL_REQUIRE(x.rank() >= 3 && w.rank() == x.rank(), "input of shape {} and weights of shape {}", to_string(x.dims()),
                to_string(w.dims()));
  const std::size_t rank = x.rank() - 2;
  const std::int64_t group = inputs.attributes().get_int("group");
  const std::int64_t channels = x.dim(1);
  ORIEL_REQUIRE(channels == w.dim(0) && channels % group == 0,
                "input of shape {} and weights of shape {} do not fit {} groups", to_string(x.dims()),
                to_string(w.dims()), group);
  const std::int64_t features = w.dim(1) * group;
  const Dims in(x.dims().begin() + 2, x.dims().end());
  const OutputSize size = OutputSize::read(inputs.attributes(), rank);
  Window window = Window::read(inputs.attributes(), rank, Dims(w.dims().begin() + 2, w.dims().end()));
  const Dims out_space = size.resolve(window, in);
  Dims dims{x.dim(0), features};
  for (const std::int64_t d : out_space) dims.push_back(d);
  const Dims in_strides = row_major_strides(in);
  const std::int64_t in_size = count_elements(in);
  const std::int64_t out_size = count_elements(out_space);
  const std::int64_t taps = count_elements(window.kernel);
  Tensor& out = outputs.allocate(0, x.type(), dims);
  ORIEL_REQUIRE(!inputs.has(2) || inputs[2].size() == features, "bias of shape {}, expected {} elements",
                to_string(inputs[2].dims()), features);
  dispatch_float(x.type(), [&]<typename T>() {
    const T* px = x.data<T>();
    const T* pw = w.data<T>();
    const T* pb = inputs.has(2) ? inputs[2].data<T>() : nullptr;
    T* py = out.data<T>();
    std::vector<std::pair<std::int64_t, std::int64_t>> pairs;  // offset in an input plane, tap
    Dims o(rank, 0);
    for (std::int64_t at = 0; at < out_size; ++at, advance(o, out_space)) {
      context.check();
      pairs.clear();
      Dims k(rank, 0);
      for (std::int64_t t = 0; t < taps; ++t, advance(k, window.kernel)) {
        std::int64_t offset = 0;
        for (std::size_t i = 0; i < rank && offset >= 0; ++i) {
          const std::int64_t p = o[i] + window.pads_begin[i] - k[i] * window.dilations[i];
          const std::int64_t from = p / window.strides[i];
          offset = p < 0 || p % window.strides[i] != 0 || from >= in[i] ? -1 : offset + from * in_strides[i];
        }
        if (offset >= 0) pairs.emplace_back(offset, t);
      }
      for (std::int64_t nm = 0; nm < dims[0] * features; ++nm) {
        const std::int64_t m = nm % features;
        const std::int64_t first = m / w.dim(1) * (channels / group);
        double sum = pb != nullptr ? widen(pb[m]) : 0.0;
        for (std::int64_t c = first; c < first + channels / group; ++c) {
          const T* image = px + (nm / features * channels + c) * in_size;
          const T* weights = pw + (c * w.dim(1) + m % w.dim(1)) * taps;
          for (const auto& [offset, tap] : pairs) sum += widen(image[offset]) * widen(weights[tap]);
        }
        py[nm * out_size + at] = narrow<T>(sum);
      }
    }
  });
}

}  // namespace

OpDef op_conv_transpose() {
  const std::vector<std::int64_t> ints;
  return {.name = "ConvTranspose",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = {{"auto_pad", std::string("NOTSET")},
                         {"dilations", ints, AttributeDef::Need::kOptional},
                         {"group", std::int64_t{1}},
                         {"kernel_shape", ints, AttributeDef::Need::kOptional},
                         {"output_padding", ints, AttributeDef::Need::kOptional},
                         {"output_shape", ints, AttributeDef::Need::kOptional},
                         {"pads", ints, AttributeDef::Need::kOptional},
                         {"strides", ints, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
