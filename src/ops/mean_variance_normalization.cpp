// MeanVarianceNormalization: (x - mean) / (sqrt(variance) + 1e-9), with moments over `axes`.
#include "ops/norm.h"

namespace oriel::ops {
namespace {

/// Which axes the moments run over.
std::vector<bool> reduced_axes(const Attributes& attributes, std::size_t rank) {
  std::vector<bool> reduced(rank, false);
  for (const std::int64_t axis : attributes.get_ints("axes"))
    reduced[static_cast<std::size_t>(normalize_axis(axis, rank))] = true;
  return reduced;
}

void infer(InferContext& c) {
  if (c.shape(0).is_ranked()) reduced_axes(c.attributes(), c.shape(0).rank());
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::vector<bool> reduced = reduced_axes(inputs.attributes(), x.rank());
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  if (x.size() == 0) return;
  Dims kept;
  Dims kept_strides;
  Dims inside;
  Dims inside_strides;
  const Dims strides = row_major_strides(x.dims());
  for (std::size_t d = 0; d < x.rank(); ++d) {
    (reduced[d] ? inside : kept).push_back(x.dim(d));
    (reduced[d] ? inside_strides : kept_strides).push_back(strides[d]);
  }
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(count_elements(inside)));
  Dims index(inside.size(), 0);
  for (std::int64_t& offset : offsets) {
    offset = ravel(index, inside_strides);
    advance(index, inside);
  }
  dispatch_float(x.type(), [&]<typename T>() {
    Dims group(kept.size(), 0);
    for (std::int64_t g = 0; g < count_elements(kept); ++g, advance(group, kept)) {
      context.check();
      const T* in = x.data<T>() + ravel(group, kept_strides);
      T* y = out.data<T>() + ravel(group, kept_strides);
      const Moments m = moments(static_cast<std::int64_t>(offsets.size()),
                                [&](std::int64_t i) { return widen(in[offsets[static_cast<std::size_t>(i)]]); });
      const double deviation = std::sqrt(m.variance) + 1e-9;
      for (const std::int64_t offset : offsets) y[offset] = narrow<T>((widen(in[offset]) - m.mean) / deviation);
    }
  });
}

}  // namespace

OpDef op_mean_variance_normalization() {
  return {.name = "MeanVarianceNormalization",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"axes", std::vector<std::int64_t>{0, 2, 3}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
