// Plans, packs and deals out planar convolutions: plain inputs and outputs of f32, any groups.
#include "kernels/conv/planar.h"

#include <algorithm>

#include "kernels/conv/algorithms.h"

namespace oriel::kernels {
namespace {

auto kernel_of(Isa isa) {
  if (isa >= Isa::kAvx512) return kPlanarAvx512;
  return isa == Isa::kAvx2 ? kPlanarAvx2 : kPlanarScalar;
}

std::int64_t ins_of(const ConvLayer& layer) { return layer.in_channels / layer.groups; }
std::int64_t outs_of(const ConvLayer& layer) { return layer.out_channels / layer.groups; }
std::int64_t taps_of(const ConvLayer& layer) { return layer.kernel[0] * layer.kernel[1] * layer.kernel[2]; }

/// Panels of one group, and the channels of the widest.
std::int64_t group_panels(const ConvLayer& layer) { return ceil_div(outs_of(layer), kPlanarOuts); }
std::int64_t panel_width(const ConvLayer& layer) { return ceil_div(outs_of(layer), group_panels(layer)); }

std::int64_t panel_floats(const ConvLayer& layer) { return ins_of(layer) * taps_of(layer) * panel_width(layer); }

std::int64_t bias_floats(const ConvLayer& layer) { return round_up(layer.out_channels, 16); }

void size(ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  kernel.group_width = panel_width(layer);
  kernel.packed_bytes = (bias_floats(layer) + layer.groups * group_panels(layer) * panel_floats(layer)) * 4;
}

std::int64_t pack_units(const ConvKernel& kernel) { return kernel.layer.groups; }

void pack(const ConvKernel& kernel, const ConvSource& source, float* packed, std::int64_t first, std::int64_t last) {
  const ConvLayer& layer = kernel.layer;
  const ConvWeights& from = source.real;
  if (first == 0) {
    for (std::int64_t o = 0; o < bias_floats(layer); ++o) {
      packed[o] = from.bias != nullptr && o < layer.out_channels ? from.bias[o] : 0.0F;
    }
  }
  const std::int64_t outs = outs_of(layer);
  const std::int64_t panels = group_panels(layer);
  const std::int64_t width = panel_width(layer);
  const std::int64_t entries = ins_of(layer) * taps_of(layer);
  for (std::int64_t g = first; g < last; ++g) {
    for (std::int64_t p = 0; p < panels; ++p) {
      float* to = packed + bias_floats(layer) + (g * panels + p) * panel_floats(layer);
      const std::int64_t begin = planar_first(outs, panels, p);
      const std::int64_t count = planar_first(outs, panels, p + 1) - begin;
      for (std::int64_t i = 0; i < entries; ++i) {
        for (std::int64_t n = 0; n < width; ++n) {
          const std::int64_t o = g * outs + begin + n;
          to[i * width + n] = n < count ? scaled_weight(from, o, o * entries + i) : 0.0F;
        }
      }
    }
  }
}

void axes_of(const ConvLayer& layer, const ConvShape& shape, PlanarAxis (&axis)[3]) {
  for (int d = 0; d < 3; ++d) {
    axis[d] = {shape.in[d], shape.out[d], layer.stride[d], shape.pad[d], layer.dilation[d], layer.kernel[d]};
  }
}

/// Rows that are short beside a tile follow each other, at the price of a copy for every column tap.
bool is_flat(const ConvLayer& layer, const ConvShape& shape) {
  return layer.kernel[2] == 1 || (shape.out[2] < 128 && layer.kernel[2] <= 5) || shape.out[2] < 12;
}

/// Whether tiles read the input where it lies: 1x1 kernels of few panels, which would not earn a copy back.
bool reads_in_place(const ConvLayer& layer, const ConvShape& shape) {
  for (int d = 0; d < 3; ++d) {
    if (layer.kernel[d] != 1 || layer.stride[d] != 1 || shape.pad[d] != 0 || shape.in[d] != shape.out[d]) return false;
  }
  return group_panels(layer) <= 2;
}

/// What a run costs one thread beside multiplications: the band, tables, ends of rows.
double other_seconds(const ConvLayer& layer, const ConvShape& shape) {
  constexpr double kOutput = 0.1e-9;
  constexpr double kEntry = 1.5e-9;
  constexpr double kRow = 25e-9;
  constexpr double kUnit = 0.15e-6;
  const bool flat = is_flat(layer, shape);
  const auto volumes = static_cast<double>(shape.batch * shape.out[0]);
  const double outputs = volumes * static_cast<double>(layer.out_channels * shape.out[1] * shape.out[2]);
  const double rows = volumes * static_cast<double>(layer.out_channels * (flat ? 1 : shape.out[1]));
  const double units = volumes * static_cast<double>(layer.groups);
  const double tables = kUnit + kEntry * static_cast<double>(ins_of(layer) * taps_of(layer));
  const double band = reads_in_place(layer, shape) ? 0.0 : plain_band_seconds(layer, shape, flat);
  return units * tables + rows * kRow + outputs * kOutput + band;
}

double seconds(const ConvKernel& kernel, const ConvShape& shape, int threads) {
  const ConvLayer& layer = kernel.layer;
  const std::int64_t lanes = kernel.isa >= Isa::kAvx512 ? 16 : kernel.isa == Isa::kAvx2 ? 8 : 4;
  const std::int64_t row = shape.out[2];
  const std::int64_t run = is_flat(layer, shape) ? row * shape.out[1] : row;
  const double padding = run == 0 ? 1.0 : static_cast<double>(round_up(run, lanes)) / static_cast<double>(run);
  const double rate = nominal_flops(kernel.isa) * (panel_width(layer) >= 4 ? 0.8 : 0.5);
  const double compute = conv_flops(layer, shape) * padding / rate + other_seconds(layer, shape);
  return std::max(compute / threads, stream_seconds(kernel.packed_bytes)) + 1e-6;
}

void plan(ConvPlan& plan, int threads) {
  const ConvKernel& kernel = plan.kernel;
  const ConvLayer& layer = kernel.layer;
  const ConvShape& shape = plan.shape;
  const std::int64_t fixed = shape.batch * layer.groups * shape.out[0];
  plan.panels = group_panels(layer);
  plan.units[0] = 0;
  plan.phases = 1;
  plan.thread_scratch_bytes = 0;
  if (fixed * shape.out[1] * shape.out[2] == 0) return;
  PlanarAxis axis[3];
  axes_of(layer, shape, axis);
  plan.flat = is_flat(layer, shape);
  plan.rows = shape.out[1];
  plan.columns = shape.out[2];
  const std::int64_t budget = std::max<std::int64_t>(cache_sizes().l2 * 3 / 8, 64 << 10);
  const std::int64_t channels = ins_of(layer) * layer.kernel[0];
  const auto band_bytes = [&](std::int64_t rows, std::int64_t columns) {
    return planar_band(axis[1], axis[2], rows, columns, plan.flat).channel_pitch * channels * 4;
  };
  constexpr std::int64_t kLeastColumns = 128;
  plan.in_place = reads_in_place(layer, shape);
  while (!plan.in_place && band_bytes(1, plan.columns) > budget && plan.columns > kLeastColumns) {
    plan.flat = false;
    plan.columns = ceil_div(plan.columns, 2);
  }
  while (band_bytes(plan.rows, plan.columns) > budget && plan.rows > 1) plan.rows = ceil_div(plan.rows, 2);
  const std::int64_t wanted = wanted_units(seconds(kernel, shape, 1), threads);
  const auto bands = [&] {
    plan.bands_y = ceil_div(shape.out[1], plan.rows);
    plan.bands_x = ceil_div(shape.out[2], plan.columns);
    return fixed * plan.bands_y * plan.bands_x;
  };
  while (bands() < wanted && plan.rows > 1) plan.rows = ceil_div(plan.rows, 2);
  plan.panel_parts = std::clamp<std::int64_t>(ceil_div(wanted, bands()), 1, plan.panels);
  plan.panel_parts = ceil_div(plan.panels, ceil_div(plan.panels, plan.panel_parts));
  plan.units[0] = bands() * plan.panel_parts;
  const std::int64_t entries = channels * layer.kernel[1] * layer.kernel[2];
  const std::int64_t band = plan.in_place ? entries * 16 * 4 : band_bytes(plan.rows, plan.columns);
  plan.thread_scratch_bytes = round_up((planar_band_offset(entries) + kPlanarSlack) * 4 + band, 64);
}

void run(const ConvPlan& plan, const ConvBuffers& buffers, int /*phase*/, std::int64_t first, std::int64_t last,
         float* scratch) {
  const ConvKernel& kernel = plan.kernel;
  const ConvLayer& layer = kernel.layer;
  const ConvShape& shape = plan.shape;
  const auto run_unit = kernel_of(kernel.isa);
  const auto* packed = static_cast<const float*>(buffers.packed);
  const std::int64_t in_plane = shape.in[0] * shape.in[1] * shape.in[2];
  const std::int64_t out_plane = shape.out[0] * shape.out[1] * shape.out[2];
  PlanarUnit u{};
  axes_of(layer, shape, u.axis);
  u.ins = ins_of(layer);
  u.outs = outs_of(layer);
  u.width = panel_width(layer);
  u.panels = plan.panels;
  u.flat = plan.flat;
  u.in_place = plan.in_place;
  u.scratch = scratch;
  u.residual_after = layer.residual == Residual::kAfterActivation;
  u.activation = layer.activation;
  const std::int64_t per_part = ceil_div(plan.panels, plan.panel_parts);
  std::int64_t previous = -1;
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t band = i / plan.panel_parts;
    std::int64_t rest = band;
    const std::int64_t bx = rest % plan.bands_x;
    rest /= plan.bands_x;
    const std::int64_t by = rest % plan.bands_y;
    rest /= plan.bands_y;
    u.z = rest % shape.out[0];
    rest /= shape.out[0];
    const std::int64_t group = rest % layer.groups;
    const std::int64_t image = rest / layer.groups;
    u.y0 = by * plan.rows;
    u.y1 = std::min(u.y0 + plan.rows, shape.out[1]);
    u.x0 = bx * plan.columns;
    u.x1 = std::min(u.x0 + plan.columns, shape.out[2]);
    u.panel0 = i % plan.panel_parts * per_part;
    u.panel1 = std::min(u.panel0 + per_part, plan.panels);
    u.keep_band = band == previous;
    previous = band;
    if (u.y0 >= u.y1 || u.x0 >= u.x1 || u.panel0 >= u.panel1) continue;
    const std::int64_t to = (image * layer.out_channels + group * u.outs) * out_plane;
    u.input = static_cast<const float*>(buffers.input) + (image * layer.in_channels + group * u.ins) * in_plane;
    u.output = static_cast<float*>(buffers.output) + to;
    u.residual = layer.residual == Residual::kNone ? nullptr : static_cast<const float*>(buffers.residual) + to;
    u.weights = packed + bias_floats(layer) + group * plan.panels * panel_floats(layer);
    u.bias = packed + group * u.outs;
    run_unit(u);
  }
}

}  // namespace

double plain_band_seconds(const ConvLayer& layer, const ConvShape& shape, bool flat) {
  constexpr double kLine = 10e-9;
  constexpr double kElement = 0.1e-9;
  constexpr double kStridedElement = 0.6e-9;
  const std::int64_t span = (layer.kernel[1] - 1) * layer.dilation[1];
  const std::int64_t rows =
      std::min(layer.stride[1], span + 1) * (shape.out[1] + span / layer.stride[1]) * shape.out[0] * layer.kernel[0];
  const std::int64_t planes = flat ? layer.kernel[2] : std::min(layer.stride[2], layer.kernel[2]);
  const double lines = static_cast<double>(shape.batch * layer.in_channels) * static_cast<double>(rows * planes);
  const double element = layer.stride[2] == 1 ? kElement : kStridedElement;
  return lines * (kLine + element * static_cast<double>(shape.out[2]));
}

const ConvSteps kPlanarSteps = {size, pack_units, pack, plan, run, seconds};

}  // namespace oriel::kernels
