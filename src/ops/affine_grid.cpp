// AffineGrid: theta applied to the places of an image of the size in input 1, which reach from -1 to 1 over pixel
// centres (align_corners) or pixel edges; grid[n, (z,) y, x] = theta[n] * (x, y, (z,) 1).
#include "ops/affine_grid.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& theta = c.shape(0);
  const std::vector<Dim>* size = c.content(1);
  if (theta.is_ranked() && theta.rank() != 3)
    fail(ErrorCode::kInvalidGraph, "theta has the shape {}, expected rank 3", theta.to_string());
  const Dim batch = theta.is_ranked() ? theta[0] : Dim::unknown();
  if (size == nullptr) {
    const bool known = theta.is_ranked() && theta[1].is_known();
    if (!known) {
      c.set(0, c.element(0), Shape::unranked());
      return;
    }
    Shape out = Shape::of_rank(static_cast<std::size_t>(theta[1].value()) + 2);
    out[0] = batch;
    out[out.rank() - 1] = theta[1];
    c.set(0, c.element(0), std::move(out));
    return;
  }
  if (size->size() != 4 && size->size() != 5)
    fail(ErrorCode::kInvalidGraph, "size has {} numbers, expected 4 or 5", size->size());
  std::vector<Dim> dims = {batch.is_known() ? batch : (*size)[0].bounded(0, kUnboundedDim)};
  for (std::size_t i = 2; i < size->size(); ++i) dims.push_back((*size)[i].bounded(0, kUnboundedDim));
  dims.emplace_back(size->size() - 2);
  c.set(0, c.element(0), Shape(std::move(dims)));
}

}  // namespace

Dims affine_grid_places(const Tensor& theta, const Tensor& size) {
  ORIEL_REQUIRE(size.size() == 4 || size.size() == 5, "size has {} numbers, expected 4 or 5", size.size());
  Dims places = {element_as_i64(size, 0)};
  for (std::int64_t i = 2; i < size.size(); ++i) places.push_back(element_as_i64(size, i));
  const std::int64_t n = size.size() - 2;
  ORIEL_REQUIRE(theta.dims() == (Dims{places[0], n, n + 1}), "theta has the shape {}, expected {}",
                to_string(theta.dims()), to_string(Dims{places[0], n, n + 1}));
  return places;
}

double grid_place(std::int64_t index, std::int64_t extent, bool corners) {
  const auto at = static_cast<double>(index);
  const auto count = static_cast<double>(extent);
  if (corners) return extent > 1 ? 2 * at / (count - 1) - 1 : 0;
  return (2 * at + 1) / count - 1;
}

namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& theta = inputs[0];
  const Dims places = affine_grid_places(theta, inputs[1]);
  const std::size_t axes = places.size() - 1;
  const auto n = static_cast<std::int64_t>(axes);
  const bool corners = inputs.attributes().get_bool("align_corners");
  Dims dims = places;
  dims.push_back(n);
  Tensor& out = outputs.allocate(0, theta.type(), dims);
  dispatch_float(theta.type(), [&]<typename T>() {
    const T* matrix = theta.data<T>();
    T* to = out.data<T>();
    Dims index(places.size(), 0);
    for_each_element(count_elements(places), context, [&](std::int64_t p) {
      for (std::int64_t row = 0; row < n; ++row) {
        const T* line = matrix + (index[0] * n + row) * (n + 1);
        double sum = widen(line[n]);
        for (std::size_t i = 0; i < axes; ++i) {
          const std::size_t axis = axes - i;
          sum += widen(line[i]) * grid_place(index[axis], places[axis], corners);
        }
        to[p * n + row] = narrow<T>(sum);
      }
      advance(index, places);
    });
  });
}

}  // namespace

OpDef op_affine_grid() {
  return {.name = "AffineGrid",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"align_corners", std::int64_t{0}}},
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
