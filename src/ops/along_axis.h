// Operators that map every line of elements along one axis to a line of the same length: Softmax, LogSoftmax, Hardmax,
// LpNormalization.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Inference of a floating point operator with an attribute `axis`: the output is like the input. A scalar counts as
/// one element.
inline void infer_along_axis(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kF16, ElementType::kBF16});
  if (c.shape(0).is_ranked())
    normalize_axis(c.attributes().get_int("axis"), std::max<std::size_t>(c.shape(0).rank(), 1));
  infer_same(c);
}

/// Calls f(in, out, extent, stride) for every line: in and out point at its first element. Lines have at least one
/// element.
template <typename F>
void reference_along_axis(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  const Tensor& x = inputs[0];
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  const Dims dims = x.rank() == 0 ? Dims{1} : x.dims();
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), dims.size()));
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < dims.size(); ++d) inner *= dims[d];
  const std::int64_t extent = dims[axis];
  const std::int64_t outer = x.size() == 0 ? 0 : x.size() / (inner * extent);
  dispatch_float(x.type(), [&]<typename T>() {
    for (std::int64_t o = 0; o < outer; ++o) {
      context.check();
      for (std::int64_t i = 0; i < inner; ++i) {
        const std::int64_t base = o * extent * inner + i;
        f(x.data<T>() + base, out.data<T>() + base, extent, inner);
      }
    }
  });
}

}  // namespace oriel::ops
