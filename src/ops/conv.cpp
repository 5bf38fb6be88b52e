// Conv: y[n, m, o] = b[m] + sum over c, k of x[n, c, o * stride + k * dilation - pad] * w[m, c, k], any spatial rank,
// grouped.
#include "ops/convolution.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_same_element(c, 0, 1);
  c.set(0, c.element(0), convolution_shape(c.attributes(), c.shape(0), c.shape(1)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& w = inputs[1];
  const Convolution conv(inputs.attributes(), x.dims(), w.dims());
  ORIEL_REQUIRE(!inputs.has(2) || inputs[2].size() == conv.features, "a bias of {} elements, expected {}",
                inputs[2].size(), conv.features);
  Tensor& out = outputs.allocate(0, x.type(), conv.dims());
  dispatch_float(x.type(), [&]<typename T>() {
    const T* px = x.data<T>();
    const T* pw = w.data<T>();
    const T* pb = inputs.has(2) ? inputs[2].data<T>() : nullptr;
    T* py = out.data<T>();
    convolve<double>(
        conv, context, [&](std::int64_t ix, std::int64_t iw, std::int64_t) { return widen(px[ix]) * widen(pw[iw]); },
        [&](std::int64_t i, std::int64_t m, double sum) {
          py[i] = narrow<T>(sum + (pb != nullptr ? widen(pb[m]) : 0.0));
        });
  });
}

}  // namespace

OpDef op_conv() {
  return {.name = "Conv",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = convolution_attributes(),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
