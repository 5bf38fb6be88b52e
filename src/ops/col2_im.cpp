// Col2Im: columns of blocks [n, channels * block, blocks] added up at their places in an image [n, channels, image..].
#include "ops/col2_im.h"

#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& x = c.shape(0);
  if (x.is_ranked() && x.rank() != 3)
    fail(ErrorCode::kInvalidGraph, "input has the shape {}, expected rank 3", x.to_string());
  const std::vector<Dim>* image = c.content(1);
  std::vector<std::int64_t> block;
  const bool block_known = c.known_content(2, block);
  const std::int64_t axes = std::max(vector_length(c, 1), vector_length(c, 2));
  if (axes < 0) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  Shape out = Shape::of_rank(static_cast<std::size_t>(axes) + 2);
  if (x.is_ranked()) out[0] = x[0];
  if (x.is_ranked() && block_known) {
    const std::int64_t elements = count_elements(Dims(block));
    if (elements > 0) out[1] = floor_div(x[1], Dim(elements));
  }
  for (std::size_t i = 0; image != nullptr && i < image->size() && i + 2 < out.rank(); ++i) {
    out[i + 2] = (*image)[i].bounded(0, kUnboundedDim);
  }
  c.set(0, c.element(0), std::move(out));
}

}  // namespace

ColumnGeometry::ColumnGeometry(const Inputs& inputs) {
  const Tensor& x = inputs[0];
  Dims block;
  for (std::int64_t i = 0; i < inputs[1].size(); ++i) image.push_back(element_as_i64(inputs[1], i));
  for (std::int64_t i = 0; i < inputs[2].size(); ++i) block.push_back(element_as_i64(inputs[2], i));
  ORIEL_REQUIRE(x.rank() == 3 && image.size() == block.size() && !image.empty(), "input {}, image {} and block {}",
                x.description(), to_string(image), to_string(block));
  for (const std::int64_t b : block) ORIEL_REQUIRE(b > 0, "block {} has an extent of {}", to_string(block), b);
  window = Window::read(inputs.attributes(), block.size(), block);
  for (std::size_t i = 0; i < image.size(); ++i) counts.push_back(window_extent(window, i, image[i]));
  elements = count_elements(block);
  blocks = count_elements(counts);
  ORIEL_REQUIRE(x.dim(1) % elements == 0 && x.dim(2) == blocks, "input {} for {} blocks of {} elements",
                x.description(), blocks, elements);
  channels = x.dim(1) / elements;
  dims = {x.dim(0), channels};
  for (const std::int64_t d : image) dims.push_back(d);
}

namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const ColumnGeometry g(inputs);
  const Dims& image = g.image;
  const Dims& counts = g.counts;
  const Window& window = g.window;
  const Dims& block = window.kernel;
  const std::int64_t elements = g.elements;
  const std::int64_t blocks = g.blocks;
  const std::int64_t channels = g.channels;
  const std::int64_t pixels = count_elements(image);
  Tensor& out = outputs.allocate(0, x.type(), g.dims);
  const Dims strides = row_major_strides(image);
  // For every element of every block the pixel that it falls on, or -1 in the padding.
  std::vector<std::int64_t> pixel(static_cast<std::size_t>(elements * blocks), -1);
  Dims element(block.size(), 0);
  for (std::int64_t e = 0; e < elements; ++e, advance(element, block)) {
    context.check();
    Dims place(counts.size(), 0);
    for (std::int64_t b = 0; b < blocks; ++b, advance(place, counts)) {
      std::int64_t at = 0;
      for (std::size_t i = 0; i < image.size() && at >= 0; ++i) {
        const std::int64_t p = place[i] * window.strides[i] - window.pads_begin[i] + element[i] * window.dilations[i];
        at = p < 0 || p >= image[i] ? -1 : at + p * strides[i];
      }
      pixel[static_cast<std::size_t>(e * blocks + b)] = at;
    }
  }
  dispatch_numeric_or_bool(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* to = out.data<T>();
    std::vector<Wide<T>> sums(static_cast<std::size_t>(pixels));
    for (std::int64_t plane = 0; plane < x.dim(0) * channels; ++plane) {
      context.check();
      sums.assign(sums.size(), Wide<T>(0));
      for (std::int64_t i = 0; i < elements * blocks; ++i) {
        const std::int64_t at = pixel[static_cast<std::size_t>(i)];
        if (at >= 0)
          sums[static_cast<std::size_t>(at)] =
              static_cast<Wide<T>>(sums[static_cast<std::size_t>(at)] + widen(in[plane * elements * blocks + i]));
      }
      for (std::int64_t p = 0; p < pixels; ++p)
        to[plane * pixels + p] = narrow<T>(static_cast<Wide<T>>(sums[static_cast<std::size_t>(p)]));
    }
  });
}

}  // namespace

OpDef op_col2_im() {
  return {.name = "Col2Im",
          .min_inputs = 3,
          .max_inputs = 3,
          .attributes = {{"dilations", std::vector<std::int64_t>()},
                         {"pads", std::vector<std::int64_t>()},
                         {"strides", std::vector<std::int64_t>()}},
          .traits = {.shape_operands = 0b110},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
