// Shapes and the plain loop of convolutions, for every operator that convolves.
#pragma once

#include "ops/spatial.h"

namespace oriel::ops {

/// Shape of the convolution of x [N, C, ...] with w [M, C / group, ...] under the attributes of Conv;
/// Error(kInvalidGraph) where they are certain not to fit.
Shape convolution_shape(const Attributes& attributes, const Shape& x, const Shape& w);

/// The attributes of Conv: auto_pad, dilations, group, kernel_shape, pads, strides.
std::vector<AttributeDef> convolution_attributes();

/// A convolution of concrete shapes.
struct Convolution {
  Window window;  // pads resolved
  Dims in;        // spatial extents of x
  Dims out;       // spatial extents of y
  std::int64_t batch;
  std::int64_t group;
  std::int64_t channels;  // of one group
  std::int64_t features;

  /// Throws Error(kInvalidArgument) where the operands do not fit.
  Convolution(const Attributes& attributes, const Dims& x, const Dims& w);
  /// Dimensions of y.
  Dims dims() const;
  /// For an output position: the offset in an image of every tap of the window, -1 in the padding.
  void tap_offsets(const Dims& at, std::vector<std::int64_t>& offsets) const;
};

/// Calls store(index into y, feature, sum) with sum = sum of term(index into x, index into w, feature) over the taps
/// that lie inside the image.
template <typename Sum, typename Term, typename Store>
void convolve(const Convolution& c, RunContext& context, Term&& term, Store&& store) {
  const std::int64_t in_size = count_elements(c.in);
  const std::int64_t out_size = count_elements(c.out);
  const std::int64_t taps = c.channels == 0 ? 0 : count_elements(c.window.kernel);
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(taps));
  for (std::int64_t n = 0; n < c.batch; ++n) {
    Dims o(c.out.size(), 0);
    for (std::int64_t at = 0; at < out_size; ++at, advance(o, c.out)) {
      context.check();
      c.tap_offsets(o, offsets);
      for (std::int64_t m = 0; m < c.features; ++m) {
        const std::int64_t first = m / (c.features / c.group) * c.channels;
        Sum sum = 0;
        for (std::int64_t ch = 0; ch < c.channels; ++ch) {
          const std::int64_t image = (n * c.channels * c.group + first + ch) * in_size;
          const std::int64_t weights = (m * c.channels + ch) * taps;
          for (std::int64_t t = 0; t < taps; ++t) {
            const std::int64_t offset = offsets[static_cast<std::size_t>(t)];
            if (offset >= 0) sum += term(image + offset, weights + t, m);
          }
        }
        store((n * c.features + m) * out_size + at, m, sum);
      }
    }
  }
}

}  // namespace oriel::ops
