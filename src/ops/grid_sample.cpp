// GridSample: x read at the normalised places that the grid gives (innermost axis first), by the nearest element,
// linear or cubic interpolation (a = -0.75) over any number of spatial axes. Outside: zeros, the border, or reflections
// at it. Importers removed: the mode names bilinear and bicubic of version 16.
#include "ops/grid_sample.h"

#include "ops/movement.h"

namespace oriel::ops {
namespace {

void require_one_of(const std::string& value, const char* name, std::initializer_list<const char*> allowed) {
  for (const char* a : allowed) {
    if (value == a) return;
  }
  fail(ErrorCode::kInvalidGraph, "unknown {} {}", name, value);
}

void infer(InferContext& c) {
  require_one_of(c.attributes().get_string("mode"), "mode", {"linear", "nearest", "cubic"});
  require_one_of(c.attributes().get_string("padding_mode"), "padding_mode", {"zeros", "border", "reflection"});
  const Shape& x = c.shape(0);
  const Shape& grid = c.shape(1);
  if (x.is_ranked() && grid.is_ranked() && (x.rank() != grid.rank() || x.rank() < 3)) {
    fail(ErrorCode::kInvalidGraph, "input {} and grid {}, expected equal ranks of 3 or more", x.to_string(),
         grid.to_string());
  }
  if (!x.is_ranked() && !grid.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  Shape out = Shape::of_rank(x.is_ranked() ? x.rank() : grid.rank());
  if (out.rank() < 3)
    fail(ErrorCode::kInvalidGraph, "input {} and grid {}, expected ranks of 3 or more", x.to_string(),
         grid.to_string());
  if (x.is_ranked()) {
    out[0] = x[0];
    out[1] = x[1];
  }
  if (grid.is_ranked()) {
    if (!out[0].is_known()) out[0] = grid[0];
    for (std::size_t i = 2; i < out.rank(); ++i) out[i] = grid[i - 1];
    if (!grid[grid.rank() - 1].may_equal(Dim(out.rank() - 2))) {
      fail(ErrorCode::kInvalidGraph, "grid {} gives places of another rank than {}", grid.to_string(), out.rank() - 2);
    }
  }
  c.set(0, c.element(0), std::move(out));
}

// Mirrored at low and high until inside.
double reflect(double place, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  double beyond = std::fmod(std::abs(place - low), 2 * range);
  if (beyond > range) beyond = 2 * range - beyond;
  return low + beyond;
}

}  // namespace

GridSampler GridSampler::read(const Attributes& attributes) {
  const std::string& padding = attributes.get_string("padding_mode");
  const std::string& mode = attributes.get_string("mode");
  return {attributes.get_bool("align_corners"),
          padding == "zeros"    ? Padding::kZeros
          : padding == "border" ? Padding::kBorder
                                : Padding::kReflection,
          mode == "nearest", mode == "cubic"};
}

Dims grid_sample_dims(const Tensor& x, const Tensor& grid) {
  ORIEL_REQUIRE(x.rank() >= 3 && x.rank() == grid.rank() && x.dim(0) == grid.dim(0) &&
                    grid.dim(grid.rank() - 1) == static_cast<std::int64_t>(x.rank() - 2),
                "input {} and grid {}", x.description(), grid.description());
  Dims dims = {x.dim(0), x.dim(1)};
  for (std::size_t i = 1; i + 1 < grid.rank(); ++i) dims.push_back(grid.dim(i));
  return dims;
}

std::int64_t GridSampler::inside(std::int64_t i, std::int64_t extent) const {
  if (i >= 0 && i < extent) return i;
  if (padding == Padding::kZeros) return -1;
  if (padding == Padding::kBorder) return std::clamp<std::int64_t>(i, 0, extent - 1);
  const double low = corners ? 0 : -0.5;
  const double at = reflect(static_cast<double>(i), low, static_cast<double>(extent - 1) - low);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(at), 0, extent - 1);
}

AxisTaps GridSampler::taps(double normalised, std::int64_t extent) const {
  AxisTaps t;
  const auto length = static_cast<double>(extent);
  double place = corners ? (normalised + 1) / 2 * (length - 1) : ((normalised + 1) * length - 1) / 2;
  if (!(std::abs(place) < 1e15)) {
    // NaN and infinity have no neighbours.
    if (padding == Padding::kZeros || std::isnan(place)) return t;
    place = place > 0 ? 1e15 : -1e15;
  }
  if (nearest) place = std::nearbyint(place);
  const double low = corners ? 0 : -0.5;
  const double high = length - 1 - low;
  if (place < low || place > high) {
    if (padding == Padding::kBorder && !cubic) place = std::clamp(place, 0.0, length - 1);
    if (padding == Padding::kReflection) place = reflect(place, low, high);
  }
  if (nearest) {
    t.count = 1;
    t.index[0] = inside(static_cast<std::int64_t>(std::nearbyint(place)), extent);
    t.weight[0] = 1;
    return t;
  }
  const double floor = std::floor(place);
  const double rest = place - floor;
  const auto first = static_cast<std::int64_t>(floor) - (cubic ? 1 : 0);
  t.count = cubic ? 4 : 2;
  if (cubic) {
    constexpr double a = -0.75;
    const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    const auto far = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    t.weight[0] = far(rest + 1);
    t.weight[1] = near(rest);
    t.weight[2] = near(1 - rest);
    t.weight[3] = far(2 - rest);
  } else {
    t.weight[0] = 1 - rest;
    t.weight[1] = rest;
  }
  for (int i = 0; i < t.count; ++i) t.index[i] = inside(first + i, extent);
  return t;
}

namespace {

template <typename T>
double sample(const T* plane, const std::vector<AxisTaps>& taps, const Dims& strides, std::size_t axis,
              std::int64_t base) {
  if (axis == taps.size()) return static_cast<double>(widen(plane[base]));
  double sum = 0;
  for (int i = 0; i < taps[axis].count; ++i) {
    if (taps[axis].index[i] < 0 || taps[axis].weight[i] == 0) continue;
    sum += taps[axis].weight[i] * sample(plane, taps, strides, axis + 1, base + taps[axis].index[i] * strides[axis]);
  }
  return sum;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& grid = inputs[1];
  const Dims dims = grid_sample_dims(x, grid);
  const GridSampler sampler = GridSampler::read(inputs.attributes());
  const std::size_t axes = x.rank() - 2;
  const Dims extents(x.dims().begin() + 2, x.dims().end());
  const Dims strides = row_major_strides(extents);
  const std::int64_t plane = count_elements(extents);
  const std::int64_t channels = x.dim(1);
  const std::int64_t places = count_elements(Dims(dims.begin() + 2, dims.end()));
  Tensor& out = outputs.allocate(0, x.type(), dims);
  if (plane == 0) {
    fill_zero(out);
    return;
  }
  if (x.type() == ElementType::kString || is_complex(x.type())) unsupported_type(x.type());
  dispatch_numeric_or_bool(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* to = out.data<T>();
    std::vector<AxisTaps> taps(axes);
    for_each_element(x.dim(0) * places, context, [&](std::int64_t p) {
      const std::int64_t batch = p / places;
      for (std::size_t i = 0; i < axes; ++i) {
        const double at =
            element_as_f64(grid, p * static_cast<std::int64_t>(axes) + static_cast<std::int64_t>(axes - 1 - i));
        taps[i] = sampler.taps(at, extents[i]);
      }
      for (std::int64_t k = 0; k < channels; ++k) {
        const double value = sample(in + (batch * channels + k) * plane, taps, strides, 0, 0);
        to[(batch * channels + k) * places + p % places] = interpolated<T>(value);
      }
    });
  });
}

}  // namespace

OpDef op_grid_sample() {
  return {.name = "GridSample",
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = {{"align_corners", std::int64_t{0}},
                         {"mode", std::string("linear")},
                         {"padding_mode", std::string("zeros")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
