// Inference and geometry of pools.
#include "ops/pool.h"

namespace oriel::ops {

std::vector<AttributeDef> pool_attributes() {
  return {{"auto_pad", std::string("NOTSET")},
          {"ceil_mode", std::int64_t{0}},
          {"dilations", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
          {"kernel_shape", std::vector<std::int64_t>{}, AttributeDef::Need::kRequired},
          {"pads", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
          {"strides", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional}};
}

void infer_pool(InferContext& c) {
  const Shape& x = c.shape(0);
  Shape out = x;
  if (x.is_ranked()) {
    if (x.rank() < 3) fail(ErrorCode::kInvalidGraph, "input of shape {}, expected a rank of 3 or more", x.to_string());
    const Window window = Window::read(c.attributes(), x.rank() - 2);
    if (window.kernel.size() != x.rank() - 2) fail(ErrorCode::kInvalidGraph, "attribute kernel_shape is empty");
    for (std::size_t i = 2; i < x.rank(); ++i) out[i] = window_extent(window, i - 2, x[i]);
  }
  if (c.num_outputs() > 1) c.set(1, ElementType::kI64, out);
  c.set(0, c.element(0), std::move(out));
}

PoolGeometry PoolGeometry::of(const Attributes& attributes, const Dims& x) {
  ORIEL_REQUIRE(x.size() >= 3, "input of shape {}, expected a rank of 3 or more", to_string(x));
  PoolGeometry g;
  g.in = Dims(x.begin() + 2, x.end());
  g.window = Window::read(attributes, g.in.size());
  ORIEL_REQUIRE(g.window.kernel.size() == g.in.size(), "attribute kernel_shape is empty");
  g.window.resolve_pads(g.in);
  for (std::size_t i = 0; i < g.in.size(); ++i) g.out.push_back(window_extent(g.window, i, g.in[i]));
  g.dims = {x[0], x[1]};
  for (const std::int64_t d : g.out) g.dims.push_back(d);
  g.planes = x[0] * x[1];
  g.in_size = count_elements(g.in);
  g.out_size = count_elements(g.out);
  return g;
}

void infer_global_pool(InferContext& c) {
  Shape out = c.shape(0);
  if (out.is_ranked()) {
    if (out.rank() < 2)
      fail(ErrorCode::kInvalidGraph, "input of shape {}, expected a rank of 2 or more", out.to_string());
    for (std::size_t i = 2; i < out.rank(); ++i) out[i] = 1;
  }
  c.set(0, c.element(0), std::move(out));
}

}  // namespace oriel::ops
