// Conv: y[n, m, o] = b[m] + sum over c, k of x[n, c, o * stride + k * dilation - pad] * w[m, c, k], any spatial rank, grouped.
#include "ops/spatial.h"

namespace oriel::ops {
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
    fail(ErrorCode::kInvalidGraph, "input of shape {} and weights of shape {}, expected the same rank of 3 or more", x.to_string(),
         w.to_string());
  }
  if (!x[1].may_equal(w[1] * Dim(group)) || (w[0].is_known() && w[0].value() % group != 0)) {
    fail(ErrorCode::kInvalidGraph, "input of shape {} and weights of shape {} do not fit {} groups", x.to_string(), w.to_string(), group);
  }
  const std::size_t rank = x.rank() - 2;
  Shape out = x;
  out[1] = w[0];
  Dims kernel;
  for (std::size_t i = 0; i < rank; ++i) {
    if (w[i + 2].is_known()) kernel.push_back(w[i + 2].value());
  }
  if (kernel.size() != rank && !c.attributes().has("kernel_shape")) {
    for (std::size_t i = 0; i < rank; ++i) out[i + 2] = Dim::unknown();
  } else {
    const Window window = Window::read(c.attributes(), rank, kernel.size() == rank ? kernel : Dims());
    for (std::size_t i = 0; i < rank; ++i) out[i + 2] = window_extent(window, i, x[i + 2]);
  }
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& w = inputs[1];
  const std::size_t rank = x.rank() - 2;
  const std::int64_t group = inputs.attributes().get_int("group");
  const Dims in(x.dims().begin() + 2, x.dims().end());
  Window window = Window::read(inputs.attributes(), rank, Dims(w.dims().begin() + 2, w.dims().end()));
  window.resolve_pads(in);
  const std::int64_t channels = w.dim(1);
  const std::int64_t features = w.dim(0);
  ORIEL_REQUIRE(x.dim(1) == channels * group && features % group == 0, "input of shape {} and weights of shape {} do not fit {} groups",
                to_string(x.dims()), to_string(w.dims()), group);
  Dims dims{x.dim(0), features};
  for (std::size_t i = 0; i < rank; ++i) dims.push_back(window_extent(window, i, in[i]));
  const Dims out_space(dims.begin() + 2, dims.end());
  const Dims in_strides = row_major_strides(in);
  const std::int64_t in_size = count_elements(in);
  const std::int64_t out_size = count_elements(out_space);
  const std::int64_t taps = count_elements(window.kernel);
  Tensor& out = outputs.allocate(0, x.type(), dims);
  dispatch_float(x.type(), [&]<typename T>() {
    const T* px = x.data<T>();
    const T* pw = w.data<T>();
    const T* pb = inputs.has(2) ? inputs[2].data<T>() : nullptr;
    T* py = out.data<T>();
    std::vector<std::int64_t> offsets(static_cast<std::size_t>(taps));
    for (std::int64_t n = 0; n < dims[0]; ++n) {
      Dims o(rank, 0);
      for (std::int64_t at = 0; at < out_size; ++at, advance(o, out_space)) {
        context.check();
        Dims k(rank, 0);
        for (std::int64_t t = 0; t < taps; ++t, advance(k, window.kernel)) {
          std::int64_t offset = 0;
          for (std::size_t i = 0; i < rank && offset >= 0; ++i) {
            const std::int64_t p = o[i] * window.strides[i] + k[i] * window.dilations[i] - window.pads_begin[i];
            offset = p < 0 || p >= in[i] ? -1 : offset + p * in_strides[i];
          }
          offsets[static_cast<std::size_t>(t)] = offset;
        }
        for (std::int64_t m = 0; m < features; ++m) {
          const std::int64_t first = m / (features / group) * channels;
          double sum = pb != nullptr ? widen(pb[m]) : 0.0;
          for (std::int64_t ch = 0; ch < channels; ++ch) {
            const T* image = px + (n * x.dim(1) + first + ch) * in_size;
            const T* weights = pw + (m * channels + ch) * taps;
            for (std::int64_t t = 0; t < taps; ++t) {
              const std::int64_t offset = offsets[static_cast<std::size_t>(t)];
              if (offset >= 0) sum += widen(image[offset]) * widen(weights[t]);
            }
          }
          py[(n * features + m) * out_size + at] = narrow<T>(sum);
        }
      }
    }
  });
}

}  // namespace

OpDef op_conv() {
  return {.name = "Conv",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = {{"auto_pad", std::string("NOTSET")},
                         {"dilations", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
                         {"group", std::int64_t{1}},
                         {"kernel_shape", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
                         {"pads", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
                         {"strides", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
