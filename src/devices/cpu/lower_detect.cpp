// Operators of detectors: suppression of overlapping boxes, pooling over regions, samples at places of a grid.
#include <cmath>
#include <cstring>

#include "devices/cpu/movement.h"
#include "kernels/detect/max_pixels.h"
#include "kernels/detect/nms.h"
#include "kernels/detect/roi_align.h"
#include "kernels/detect/weigh.h"
#include "ops/affine_grid.h"
#include "ops/crop_and_resize.h"
#include "ops/grid_sample.h"
#include "ops/max_roi_pool.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

// NonMaxSuppression

std::string decline_nms(const Node& node, const CompileOptions&) {
  for (const std::size_t i : {0, 1}) {
    if (node.input(i)->element() != ElementType::kF32)
      return formatted("no kernel for {}", element_name(node.input(i)->element()));
  }
  return {};
}

float scalar_or(const Inputs& inputs, std::size_t i, float fallback) {
  if (!inputs.has(i)) return fallback;
  ORIEL_REQUIRE(inputs[i].size() == 1 && inputs[i].type() == ElementType::kF32, "input {} is {}, expected a scalar", i,
                inputs[i].description());
  return *inputs[i].data<float>();
}

void lower_nms(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "nms_f32";
  spec.run = [center = node.attributes().get_bool("center_point_box")](const Inputs& inputs, OutputSink& outputs,
                                                                       RunContext& context) {
    const Tensor& boxes = inputs[0];
    const Tensor& scores = inputs[1];
    ORIEL_REQUIRE(boxes.rank() == 3 && scores.rank() == 3 && boxes.dim(2) == 4 && boxes.dim(0) == scores.dim(0) &&
                      boxes.dim(1) == scores.dim(2),
                  "boxes {} and scores {}, expected [batch, boxes, 4] and [batch, classes, boxes]",
                  to_string(boxes.dims()), to_string(scores.dims()));
    ORIEL_REQUIRE(boxes.dim(1) < (std::int64_t{1} << 31), "{} boxes, at most 2^31 - 1 are supported", boxes.dim(1));
    NmsProblem p;
    p.boxes = boxes.data<float>();
    p.scores = scores.data<float>();
    p.batches = scores.dim(0);
    p.classes = scores.dim(1);
    p.count = boxes.dim(1);
    p.most = inputs.has(2) ? std::max<std::int64_t>(0, read_integer(inputs[2])) : 0;
    p.iou_threshold = scalar_or(inputs, 3, 0);
    p.filtered = inputs.has(4);
    p.score_threshold = scalar_or(inputs, 4, 0);
    p.center = center;

    const auto round = [](std::size_t bytes) { return (bytes + 63) / 64 * 64; };
    const std::int64_t units = p.batches * p.classes;
    const std::int64_t room = std::min(p.most, p.count);
    const std::size_t own = round(nms_scratch_bytes(p));
    const std::size_t corner_bytes = round(static_cast<std::size_t>(p.batches * nms_corner_floats(p)) * sizeof(float));
    const std::size_t count_bytes = round(static_cast<std::size_t>(units) * sizeof(std::int64_t));
    const std::size_t chosen_bytes = round(static_cast<std::size_t>(units * room) * sizeof(std::int32_t));
    const auto threads = static_cast<std::size_t>(context.threads.threads());
    auto* scratch = static_cast<char*>(context.scratch(corner_bytes + count_bytes + chosen_bytes + own * threads));
    auto* corners = reinterpret_cast<float*>(scratch);
    auto* counts = reinterpret_cast<std::int64_t*>(scratch + corner_bytes);
    auto* chosen = reinterpret_cast<std::int32_t*>(scratch + corner_bytes + count_bytes);
    char* slots = scratch + corner_bytes + count_bytes + chosen_bytes;
    parallel(context, p.batches, 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t b = first; b < last; ++b) nms_corners(p, b, corners + b * nms_corner_floats(p));
    });
    context.check();
    parallel(context, units, 1, [&](std::int64_t first, std::int64_t last, int slot) {
      for (std::int64_t u = first; u < last; ++u) {
        counts[u] = nms_class(p, u, corners + u / p.classes * nms_corner_floats(p),
                              slots + own * static_cast<std::size_t>(slot), chosen + u * room);
      }
    });
    context.check();
    std::int64_t total = 0;
    for (std::int64_t u = 0; u < units; ++u) total += counts[u];
    std::int64_t* row = outputs.allocate(0, ElementType::kI64, {total, 3}).data<std::int64_t>();
    for (std::int64_t u = 0; u < units; ++u) {
      for (std::int64_t i = 0; i < counts[u]; ++i, row += 3) {
        row[0] = u / p.classes;
        row[1] = u % p.classes;
        row[2] = chosen[u * room + i];
      }
    }
  };
  lowering.step(unit, std::move(spec));
}

// RoiAlign

std::string decline_roi_align(const Node& node, const CompileOptions&) {
  for (const std::size_t i : {0, 1}) {
    if (node.input(i)->element() != ElementType::kF32)
      return formatted("no kernel for {}", element_name(node.input(i)->element()));
  }
  if (!node.input(0)->shape().is_ranked() || node.input(0)->shape().rank() != 4) return "an operand of unknown rank";
  return {};
}

bool roi_align_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && decline_roi_align(node, {}).empty();
}

void lower_roi_align(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  RoiAlign layer;
  const Attributes& a = node.attributes();
  layer.out_height = a.get_int("output_height");
  layer.out_width = a.get_int("output_width");
  layer.sampling_ratio = a.get_int("sampling_ratio");
  layer.spatial_scale = a.get_float("spatial_scale");
  layer.maximum = a.get_string("mode") == "max";
  layer.half_pixel = a.get_string("coordinate_transformation_mode") == "half_pixel";
  Lowering::StepSpec spec;
  spec.inputs = {lowering.blocked(node.input(0)), lowering.plain(node.input(1)), lowering.plain(node.input(2))};
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.kernel = "roi_align_f32";
  spec.algorithm = a.get_string("mode");
  spec.run = [layer](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& regions = inputs[1];
    ORIEL_REQUIRE(x.rank() == 4 && regions.rank() == 2 && regions.dim(1) == 4 && inputs[2].size() == regions.dim(0),
                  "input {}, regions {} and batch indices {}", x.description(), regions.description(),
                  inputs[2].description());
    const std::int64_t count = regions.dim(0);
    RoiAlign run = layer;
    run.blocks = (x.dim(1) + 15) / 16;
    run.height = x.dim(2);
    run.width = x.dim(3);
    const float* boxes = regions.data<float>();
    const Dims batches = read_integers(inputs[2]);
    std::int64_t places = 0;
    for (std::int64_t r = 0; r < count; ++r) {
      const std::int64_t batch = batches[static_cast<std::size_t>(r)];
      ORIEL_REQUIRE(batch >= 0 && batch < x.dim(0), "batch index {} out of range for {}", batch, x.dim(0));
      const RoiGrid grid = roi_grid(run, boxes + 4 * r);
      ORIEL_REQUIRE(grid.rows >= 0, "region {} is not finite or has more than 2^24 samples a bin", r);
      places = std::max(places, roi_places(run, grid));
    }
    Tensor& y = outputs.allocate(0, ElementType::kF32, {count, x.dim(1), run.out_height, run.out_width});
    auto* scratch = static_cast<RoiPlace*>(
        context.scratch(static_cast<std::size_t>(places * context.threads.threads()) * sizeof(RoiPlace)));
    const auto* from = static_cast<const float*>(x.raw());
    auto* to = static_cast<float*>(y.raw());
    const std::int64_t image = run.blocks * run.height * run.width * 16;
    const std::int64_t region = run.blocks * run.out_height * run.out_width * 16;
    parallel(context, count, 1, [&](std::int64_t first, std::int64_t last, int slot) {
      for (std::int64_t r = first; r < last; ++r) {
        roi_align_f32(run, roi_grid(run, boxes + 4 * r), from + batches[static_cast<std::size_t>(r)] * image,
                      to + r * region, scratch + slot * places);
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

// GridSample

constexpr std::size_t kMostGridAxes = 3;
constexpr int kMostGridTaps = 64;  // 4 an axis

std::string decline_grid_sample(const Node& node, const CompileOptions&) {
  for (const std::size_t i : {0, 1}) {
    if (node.input(i)->element() != ElementType::kF32)
      return formatted("no kernel for {}", element_name(node.input(i)->element()));
  }
  const Shape& shape = node.input(0)->shape();
  if (!shape.is_ranked() || shape.rank() < 3 || shape.rank() > kMostGridAxes + 2)
    return "kernels have 1 to 3 spatial axes";
  return {};
}

bool grid_sample_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && decline_grid_sample(node, {}).empty();
}

/// The pixels of one place, as a product over its axes; returns how many.
int grid_taps(const ops::GridSampler& sampler, const float* place, const Dims& extents,
              std::int64_t (&index)[kMostGridTaps], float (&weight)[kMostGridTaps]) {
  int count = 1;
  std::int64_t from_index[kMostGridTaps] = {0};
  double from_weight[kMostGridTaps] = {1};
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    // The grid gives the innermost axis first.
    const ops::AxisTaps taps = sampler.taps(place[extents.size() - 1 - axis], extents[axis]);
    int made = 0;
    std::int64_t next_index[kMostGridTaps];
    double next_weight[kMostGridTaps];
    for (int i = 0; i < count; ++i) {
      for (int t = 0; t < taps.count; ++t) {
        if (taps.index[t] < 0 || taps.weight[t] == 0) continue;
        next_index[made] = from_index[i] * extents[axis] + taps.index[t];
        next_weight[made++] = from_weight[i] * taps.weight[t];
      }
    }
    count = made;
    std::copy_n(next_index, made, from_index);
    std::copy_n(next_weight, made, from_weight);
  }
  for (int i = 0; i < count; ++i) {
    index[i] = from_index[i];
    weight[i] = static_cast<float>(from_weight[i]);
  }
  return count;
}

void lower_grid_sample(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.blocked(node.input(0)), lowering.plain(node.input(1))};
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.kernel = "grid_sample_f32";
  spec.algorithm = node.attributes().get_string("mode");
  spec.run = [sampler = ops::GridSampler::read(node.attributes())](const Inputs& inputs, OutputSink& outputs,
                                                                   RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& grid = inputs[1];
    const Dims dims = ops::grid_sample_dims(x, grid);
    Tensor& y = outputs.allocate(0, ElementType::kF32, dims);
    const Dims extents(x.dims().begin() + 2, x.dims().end());
    const auto axes = static_cast<std::int64_t>(extents.size());
    const std::int64_t pixels = count_elements(extents);
    const std::int64_t places = count_elements(Dims(dims.begin() + 2, dims.end()));
    const std::int64_t blocks = (x.dim(1) + 15) / 16;
    const auto* from = static_cast<const float*>(x.raw());
    auto* to = static_cast<float*>(y.raw());
    if (pixels == 0) {
      std::memset(to, 0, static_cast<std::size_t>(x.dim(0) * blocks * places * 16) * sizeof(float));
      return;
    }
    const float* at = grid.data<float>();
    parallel(context, x.dim(0) * places, std::max<std::int64_t>(1, 1024 / std::max<std::int64_t>(blocks, 1)),
             [&](std::int64_t first, std::int64_t last, int) {
               std::int64_t index[kMostGridTaps];
               float weight[kMostGridTaps];
               for (std::int64_t p = first; p < last; ++p) {
                 const int taps = grid_taps(sampler, at + p * axes, extents, index, weight);
                 const std::int64_t batch = p / places;
                 weigh_pixels(from + batch * blocks * pixels * 16, blocks, pixels * 16, index, weight, taps,
                              to + (batch * blocks * places + p % places) * 16, places * 16);
               }
             });
  };
  lowering.step(unit, std::move(spec));
}

// MaxRoiPool

std::string decline_max_roi(const Node& node, const CompileOptions&) {
  for (const std::size_t i : {0, 1}) {
    if (node.input(i)->element() != ElementType::kF32)
      return formatted("no kernel for {}", element_name(node.input(i)->element()));
  }
  if (!node.input(0)->shape().is_ranked() || node.input(0)->shape().rank() != 4) return "an operand of unknown rank";
  return {};
}

bool max_roi_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && decline_max_roi(node, {}).empty();
}

void lower_max_roi(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.blocked(node.input(0)), lowering.plain(node.input(1))};
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.kernel = "max_roi_pool_f32";
  spec.run = [pooled = ops::RoiBins::read(node.attributes())](const Inputs& inputs, OutputSink& outputs,
                                                              RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& regions = inputs[1];
    ORIEL_REQUIRE(x.rank() == 4 && regions.rank() == 2 && regions.dim(1) == 5, "input {} and regions {}",
                  x.description(), regions.description());
    const std::int64_t count = regions.dim(0);
    for (std::int64_t r = 0; r < count; ++r) pooled.region(regions, r, x.dim(0));
    Tensor& y = outputs.allocate(0, ElementType::kF32, {count, x.dim(1), pooled.rows, pooled.columns});
    const std::int64_t height = x.dim(2);
    const std::int64_t width = x.dim(3);
    const std::int64_t blocks = (x.dim(1) + 15) / 16;
    const std::int64_t bins = pooled.rows * pooled.columns;
    const auto* from = static_cast<const float*>(x.raw());
    auto* to = static_cast<float*>(y.raw());
    parallel(context, count * blocks, 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t u = first; u < last; ++u) {
        const ops::RoiBins::Region region = pooled.region(regions, u / blocks, x.dim(0));
        const float* image = from + (region.batch * blocks + u % blocks) * height * width * 16;
        for (std::int64_t p = 0; p < bins; ++p) {
          const ops::RoiBins::Span rows = region.rows.span(p / pooled.columns, height);
          const ops::RoiBins::Span columns = region.columns.span(p % pooled.columns, width);
          max_pixels(image, width, rows.begin, rows.end, columns.begin, columns.end, to + (u * bins + p) * 16);
        }
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

// CropAndResize

std::string decline_crop(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return type == ElementType::kF32 || type == ElementType::kF64 ? std::string()
                                                                : formatted("no kernel for {}", element_name(type));
}

/// A sample of a crop along one axis: both neighbours and the second one's share; `low` is -1 outside.
struct CropPlace {
  std::int64_t low;
  std::int64_t high;
  double part;
};

/// Places of `count` samples of a region from `begin` to `end` over pixels 0 to extent - 1.
void crop_places(double begin, double end, std::int64_t count, std::int64_t extent, bool nearest, CropPlace* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double at = ops::crop_position(i, count, begin, end, extent);
    if (!(at >= 0 && at <= static_cast<double>(extent - 1))) {
      to[i] = {-1, -1, 0};
    } else if (nearest) {
      const auto pixel = static_cast<std::int64_t>(std::round(at));
      to[i] = {pixel, pixel, 0};
    } else {
      const auto low = static_cast<std::int64_t>(at);
      to[i] = {low, std::min(low + 1, extent - 1), at - static_cast<double>(low)};
    }
  }
}

template <typename T>
void crop_plane(const T* x, std::int64_t width, const CropPlace* rows, std::int64_t height_out,
                const CropPlace* columns, std::int64_t width_out, T outside, T* y) {
  for (std::int64_t h = 0; h < height_out; ++h, y += width_out) {
    const CropPlace& row = rows[h];
    if (row.low < 0) {
      std::fill_n(y, width_out, outside);
      continue;
    }
    const T* top = x + row.low * width;
    const T* bottom = x + row.high * width;
    const auto down = static_cast<T>(row.part);
    for (std::int64_t w = 0; w < width_out; ++w) {
      const CropPlace& column = columns[w];
      if (column.low < 0) {
        y[w] = outside;
        continue;
      }
      const auto right = static_cast<T>(column.part);
      const T upper = top[column.low] + (top[column.high] - top[column.low]) * right;
      const T lower = bottom[column.low] + (bottom[column.high] - bottom[column.low]) * right;
      y[w] = upper + (lower - upper) * down;
    }
  }
}

void lower_crop(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const ElementType type = node.input(0)->element();
  Lowering::StepSpec spec;
  for (const Value* v : node.inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "crop_and_resize_" + std::string(element_name(type));
  spec.algorithm = node.attributes().get_string("mode");
  spec.run = [nearest = spec.algorithm == "nearest", outside = node.attributes().get_float("extrapolation_value")](
                 const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const Tensor& regions = inputs[1];
    const ops::CropGeometry g(inputs);
    Tensor& y = outputs.allocate(0, x.type(), {g.count, x.dim(1), g.height, g.width});
    if (y.size() == 0) return;
    const std::int64_t samples = g.height + g.width;
    const std::int64_t plane = x.dim(2) * x.dim(3);
    const std::int64_t crop = x.dim(1) * g.height * g.width;
    auto* places = static_cast<CropPlace*>(
        context.scratch(static_cast<std::size_t>(samples * context.threads.threads()) * sizeof(CropPlace)));
    const auto run = [&]<typename T>() {
      const T* boxes = regions.data<T>();
      parallel(context, g.count, std::max<std::int64_t>(1, kMoveGrain / crop),
               [&](std::int64_t first, std::int64_t last, int slot) {
                 CropPlace* rows = places + slot * samples;
                 CropPlace* columns = rows + g.height;
                 for (std::int64_t r = first; r < last; ++r) {
                   const T* box = boxes + 4 * r;
                   crop_places(static_cast<double>(box[0]), static_cast<double>(box[2]), g.height, x.dim(2), nearest,
                               rows);
                   crop_places(static_cast<double>(box[1]), static_cast<double>(box[3]), g.width, x.dim(3), nearest,
                               columns);
                   const T* from = x.data<T>() + g.image(inputs, r) * x.dim(1) * plane;
                   T* to = y.data<T>() + r * crop;
                   for (std::int64_t c = 0; c < x.dim(1); ++c) {
                     crop_plane<T>(from + c * plane, x.dim(3), rows, g.height, columns, g.width,
                                   static_cast<T>(outside), to + c * g.height * g.width);
                   }
                 }
               });
    };
    if (x.type() == ElementType::kF32) {
      run.template operator()<float>();
    } else {
      run.template operator()<double>();
    }
  };
  lowering.step(unit, std::move(spec));
}

// AffineGrid

std::string decline_affine_grid(const Node& node, const CompileOptions& options) { return decline_crop(node, options); }

/// Lines of a grid, whose places along a line are `along`: y[i * axes + row] = start[row] + slope[row] * along[i].
template <typename T, int kAxes>
void grid_line(const T* start, const T* slope, const T* along, std::int64_t n, T* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (int row = 0; row < kAxes; ++row) y[i * kAxes + row] = start[row] + slope[row] * along[i];
  }
}

template <typename T>
void affine_grid(const Tensor& theta, const Dims& places, bool corners, RunContext& context, T* y) {
  const std::size_t axes = places.size() - 1;
  const std::int64_t width = places.back();
  const std::int64_t lines = count_elements(Dims(places.begin(), places.end() - 1));
  auto* along = static_cast<T*>(context.scratch(static_cast<std::size_t>(width) * sizeof(T)));
  for (std::int64_t i = 0; i < width; ++i) along[i] = static_cast<T>(ops::grid_place(i, width, corners));
  const T* matrices = theta.data<T>();
  const auto n = static_cast<std::int64_t>(axes);
  parallel(context, lines, std::max<std::int64_t>(1, kMoveGrain / (width * n)),
           [&](std::int64_t first, std::int64_t last, int) {
             for (std::int64_t l = first; l < last; ++l) {
               // Places on the outer axes; the matrix has the innermost axis first.
               T start[3] = {};
               T slope[3] = {};
               const std::int64_t image = l / (lines / places[0]);
               for (std::int64_t row = 0; row < n; ++row) {
                 const T* line = matrices + (image * n + row) * (n + 1);
                 slope[row] = line[0];
                 double sum = static_cast<double>(line[n]);
                 std::int64_t rest = l;
                 for (std::size_t axis = axes - 1; axis > 0; --axis) {
                   sum += static_cast<double>(line[axes - axis]) *
                          ops::grid_place(rest % places[axis], places[axis], corners);
                   rest /= places[axis];
                 }
                 start[row] = static_cast<T>(sum);
               }
               if (n == 2) {
                 grid_line<T, 2>(start, slope, along, width, y + l * width * 2);
               } else {
                 grid_line<T, 3>(start, slope, along, width, y + l * width * 3);
               }
             }
           });
}

void lower_affine_grid(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const ElementType type = node.input(0)->element();
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0)), lowering.plain(node.input(1))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "affine_grid_" + std::string(element_name(type));
  spec.run = [corners = node.attributes().get_bool("align_corners")](const Inputs& inputs, OutputSink& outputs,
                                                                     RunContext& context) {
    const Tensor& theta = inputs[0];
    const Dims places = ops::affine_grid_places(theta, inputs[1]);
    Dims dims = places;
    dims.push_back(static_cast<std::int64_t>(places.size()) - 1);
    Tensor& y = outputs.allocate(0, theta.type(), dims);
    if (y.size() == 0) return;
    if (theta.type() == ElementType::kF32) {
      affine_grid(theta, places, corners, context, y.data<float>());
    } else {
      affine_grid(theta, places, corners, context, y.data<double>());
    }
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> detect_rules() {
  return {{"AffineGrid", decline_affine_grid, lower_affine_grid},
          {"com.microsoft.CropAndResize", decline_crop, lower_crop},
          {"MaxRoiPool", decline_max_roi, lower_max_roi, max_roi_reads_blocked},
          {"GridSample", decline_grid_sample, lower_grid_sample, grid_sample_reads_blocked},
          {"NonMaxSuppression", decline_nms, lower_nms},
          {"RoiAlign", decline_roi_align, lower_roi_align, roi_align_reads_blocked}};
}

}  // namespace oriel::cpu
