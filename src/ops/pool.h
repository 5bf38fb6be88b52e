// What the pools share: inference, geometry, and the walk over windows.
#pragma once

#include <vector>

#include "ops/spatial.h"

namespace oriel::ops {

/// Attributes that every pool with a window has.
std::vector<AttributeDef> pool_attributes();

/// Inference: [N, C, ...] with extents from kernel_shape, strides, dilations, pads, auto_pad and ceil_mode; sets output
/// 0 and, where the node has a second output, output 1 as i64 of the same shape.
void infer_pool(InferContext& c);

/// A pool's window over concrete dimensions, with pads resolved.
struct PoolGeometry {
  Window window;
  Dims in;    // spatial extents of the input
  Dims out;   // spatial extents of the output
  Dims dims;  // of the output tensor
  std::int64_t planes;
  std::int64_t in_size;
  std::int64_t out_size;

  /// Throws Error(kInvalidArgument or kInvalidGraph) where the window does not fit.
  static PoolGeometry of(const Attributes& attributes, const Dims& x);
};

/// The dimensions that MaxUnpool's indices count in: extents (in - 1) * stride + kernel - pads. Throws
/// Error(kInvalidArgument or kInvalidGraph) where there are none.
Dims unpooled_dims(const Attributes& attributes, const Dims& x);

/// Calls f(plane, at, taps, padded) for every output position `at` of every plane: `taps` are the offsets inside a
/// plane of the input that the window covers, in row-major order, `padded` is the number of taps inside the input and
/// its pads.
template <typename F>
void for_each_window(const PoolGeometry& g, RunContext& context, F&& f) {
  const std::size_t rank = g.in.size();
  const Dims strides = row_major_strides(g.in);
  std::vector<std::int64_t> taps;
  Dims o(rank, 0);
  for (std::int64_t at = 0; at < g.out_size; ++at, advance(o, g.out)) {
    context.check();
    Dims inside(rank, 0);
    std::int64_t first = 0;
    std::int64_t padded = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int64_t dilation = g.window.dilations[i];
      const std::int64_t start = o[i] * g.window.strides[i] - g.window.pads_begin[i];
      const auto taps_before = [&](std::int64_t limit) {
        return std::clamp<std::int64_t>(start >= limit ? 0 : (limit - start + dilation - 1) / dilation, 0,
                                        g.window.kernel[i]);
      };
      const std::int64_t skipped = taps_before(0);
      inside[i] = taps_before(g.in[i]) - skipped;
      first += (start + skipped * dilation) * strides[i];
      padded *= taps_before(g.in[i] + std::max<std::int64_t>(g.window.pads_end[i], 0));
    }
    taps.clear();
    const std::int64_t count = count_elements(inside);
    Dims k(rank, 0);
    for (std::int64_t t = 0; t < count; ++t, advance(k, inside)) {
      std::int64_t offset = first;
      for (std::size_t i = 0; i < rank; ++i) offset += k[i] * g.window.dilations[i] * strides[i];
      taps.push_back(offset);
    }
    for (std::int64_t plane = 0; plane < g.planes; ++plane) f(plane, at, taps, padded);
  }
}

/// Inference of a global pool: [N, C, 1, ...].
void infer_global_pool(InferContext& c);

/// Reference of a global pool: every output is f(first element of the plane, number of elements).
template <typename F>
void reference_global_pool(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() >= 2, "input of shape {}, expected a rank of 2 or more", to_string(x.dims()));
  Dims dims(x.rank(), 1);
  dims[0] = x.dim(0);
  dims[1] = x.dim(1);
  Tensor& out = outputs.allocate(0, x.type(), dims);
  const std::int64_t plane = count_elements(Dims(x.dims().begin() + 2, x.dims().end()));
  dispatch_numeric(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* y = out.data<T>();
    for (std::int64_t p = 0; p < out.size(); ++p) {
      context.check();
      y[p] = narrow<T>(f(in + p * plane, plane));
    }
  });
}

}  // namespace oriel::ops
