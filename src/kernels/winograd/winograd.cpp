// Plans, packs and deals out Winograd convolutions: one phase of whole blocks of tiles, or, where few blocks must feed
// several threads, input transforms into a shared V first and panels of products after.
#include "kernels/winograd/winograd.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/conv/algorithms.h"
#include "kernels/conv/direct.h"
#include "kernels/transpose/transpose_table.h"

namespace oriel::kernels {
namespace {

int tile_of(ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::kWinograd2:
      return 2;
    case ConvAlgorithm::kWinograd4:
      return 4;
    case ConvAlgorithm::kWinograd5:
      return 5;
    default:
      return 6;
  }
}

const DirectKernels& products_of(Isa isa) {
  if (isa >= Isa::kAvx512) return kDirectAvx512;
  return isa == Isa::kAvx2 ? kDirectAvx2 : kDirectScalar;
}

bool is_bf16(const ConvKernel& kernel) { return kernel.layer.input == ConvElement::kBf16; }

const WinogradKernels& kernels_of(const ConvKernel& kernel) {
  const Isa isa = kernel.isa;
  if (is_bf16(kernel)) return kWinogradBf16;
  if (isa >= Isa::kAvx512) return kWinogradAvx512;
  return isa == Isa::kAvx2 ? kWinogradAvx2 : kWinogradScalar;
}

std::int64_t panel_count(const ConvKernel& kernel) { return ceil_div(kernel.layer.out_channels, kernel.group_width); }

std::int64_t width_step(const ConvKernel& kernel) { return is_bf16(kernel) || woven_width(kernel.layer) > 0 ? 16 : 8; }

PanelChannels panel_of(const ConvKernel& kernel, std::int64_t p) {
  const ConvLayer& layer = kernel.layer;
  return panel_channels(layer.in_channels, layer.out_channels, layer.groups, kernel.group_width, width_step(kernel),
                        false, p);
}

/// Words of `channels` input channels in the packed weights of a panel.
std::int64_t steps_of(const ConvLayer& layer, std::int64_t channels) {
  if (layer.input == ConvElement::kBf16) return ceil_div(channels, 2);
  const std::int64_t woven = woven_width(layer);
  return woven > 0 ? woven : round_up(channels, 4);
}

/// What a panel reads beyond its own groups, since it begins at a block: channels at most.
std::int64_t misaligned(const ConvLayer& layer) {
  return kChannelBlock - std::gcd(layer.in_channels / layer.groups, kChannelBlock);
}

/// The most words of input channels that a panel has: of all groups that its output channels may belong to.
std::int64_t most_steps(const ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  if (layer.groups == 1) return steps_of(layer, layer.in_channels);
  const std::int64_t outs = layer.out_channels / layer.groups;
  const std::int64_t latest = outs - std::gcd(outs, kernel.group_width);
  const std::int64_t groups = (latest + kernel.group_width - 1) / outs + 1;
  return steps_of(layer, std::min(groups * (layer.in_channels / layer.groups) + misaligned(layer), layer.in_channels));
}

/// The same for a middling panel.
double usual_steps(const ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  if (layer.groups == 1 || woven_width(layer) > 0) return static_cast<double>(most_steps(kernel));
  const std::int64_t outs = layer.out_channels / layer.groups;
  const double groups =
      static_cast<double>(outs + kernel.group_width - std::gcd(outs, kernel.group_width)) / static_cast<double>(outs);
  const std::int64_t ins = layer.in_channels / layer.groups;
  const double channels = groups * static_cast<double>(ins) + static_cast<double>(misaligned(layer)) / 2;
  return is_bf16(kernel) ? channels / 2 : channels;
}

std::int64_t planes_of(const ConvKernel& kernel) {
  const std::int64_t a = tile_of(kernel.algorithm) + 2;
  return a * a;
}

/// Floats between panels: the last one may be narrower.
std::int64_t panel_floats(const ConvKernel& kernel) {
  const std::int64_t width = std::min(kernel.group_width, round_up(kernel.layer.out_channels, width_step(kernel)));
  return round_up(planes_of(kernel) * most_steps(kernel) * width, 16);
}

std::int64_t bias_floats(const ConvKernel& kernel) { return round_up(kernel.layer.out_channels, 32); }

void size(ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  kernel.group_width = products_of(kernel.isa).group_width;
  const std::int64_t outs = layer.out_channels / layer.groups;
  if (layer.out_channels <= 16 || (layer.groups > 1 && outs % kernel.group_width != 0)) kernel.group_width = 16;
  kernel.packed_bytes = (bias_floats(kernel) + panel_count(kernel) * panel_floats(kernel)) * 4;
}

std::int64_t pack_units(const ConvKernel& kernel) { return panel_count(kernel); }

/// The matrix G of F(r, 3), in rows.
void filter_matrix(int r, double (&g)[8][3]) {
  const WinogradPoints p = winograd_points(r);
  const double points[7] = {0.0, p.a, -p.a, p.b, -p.b, p.c, -p.c};
  const int finite = r + 1;
  for (int i = 0; i < finite; ++i) {
    double product = 1.0;
    for (int j = 0; j < finite; ++j) {
      if (j != i) product *= points[i] - points[j];
    }
    g[i][0] = 1.0 / product;
    g[i][1] = points[i] / product;
    g[i][2] = points[i] * points[i] / product;
  }
  g[finite][0] = 0.0;
  g[finite][1] = 0.0;
  g[finite][2] = 1.0;
}

std::uint16_t bf16_bits(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const std::uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return static_cast<std::uint16_t>(((bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : rounded) >> 16);
}

/// The weights [channel][9][kOuts] of input channels [first, first + count) and `outs` output channels from `channel`
/// on, zeros between those of different groups.
void gather_weights(const ConvLayer& layer, const ConvWeights& from, std::int64_t channel, std::int64_t outs,
                    std::int64_t first, std::int64_t count, float* w) {
  const std::int64_t ins = layer.in_channels / layer.groups;
  const std::int64_t group_outs = layer.out_channels / layer.groups;
  std::fill_n(w, count * 9 * kWinogradWeightOuts, 0.0F);
  for (std::int64_t n = 0; n < outs; ++n) {
    const std::int64_t o = channel + n;
    for (std::int64_t c = 0; c < count; ++c) {
      if ((first + c) / ins != o / group_outs) continue;
      const std::int64_t at = (o * ins + (first + c) % ins) * 9;
      for (std::int64_t k = 0; k < 9; ++k) w[(c * 9 + k) * kWinogradWeightOuts + n] = scaled_weight(from, o, at + k);
    }
  }
}

void pack(const ConvKernel& kernel, const ConvSource& source, float* packed, std::int64_t first, std::int64_t last) {
  const ConvWeights& from = source.real;
  const ConvLayer& layer = kernel.layer;
  if (first == 0) {
    for (std::int64_t i = 0; i < bias_floats(kernel); ++i) {
      packed[i] = from.bias != nullptr && i < layer.out_channels ? from.bias[i] : 0.0F;
    }
  }
  const int a = tile_of(kernel.algorithm) + 2;
  double g[8][3];
  filter_matrix(a - 2, g);
  const std::int64_t ins = layer.in_channels / layer.groups;
  const bool bf16 = is_bf16(kernel);
  const std::int64_t channels_per_step = bf16 ? 2 : 1;
  const TransposeTable& table = transpose_table(kernel.isa);
  const std::int64_t woven = woven_width(layer);
  constexpr std::int64_t kOuts = kWinogradWeightOuts;
  constexpr std::int64_t kChannels = kWinogradWeightChannels;
  alignas(64) float w[kChannels * 9 * kOuts];
  alignas(64) float u[64 * kChannels * kOuts];
  for (std::int64_t p = first; p < last; ++p) {
    const std::int64_t channel = p * kernel.group_width;
    const PanelChannels panel = panel_of(kernel, p);
    const std::int64_t width = panel.width;
    const std::int64_t real = std::min(width, layer.out_channels - channel);
    const std::int64_t channels = woven > 0 ? ins : panel.last - panel.first;
    const std::int64_t steps = steps_of(layer, channels);
    // One group whole: its rows of weights become columns.
    const bool dense = channels == ins && (woven > 0 || panel.first % ins == 0);
    float* to = packed + bias_floats(kernel) + p * panel_floats(kernel);
    const std::int64_t used = planes_of(kernel) * steps * width;
    std::fill_n(to + used, panel_floats(kernel) - used, 0.0F);
    if (real < kOuts) std::fill_n(w, kChannels * 9 * kOuts, 0.0F);
    // A few input channels at a time, across the panel's output channels.
    for (std::int64_t c = 0; c < steps * channels_per_step; c += kChannels) {
      const std::int64_t count = std::clamp<std::int64_t>(channels - c, 0, kChannels);
      if (dense) {
        const auto* rows = reinterpret_cast<const char*>(from.weights) + (channel * ins + c) * 9 * 4;
        table.four_bytes(reinterpret_cast<const std::uint32_t*>(rows), ins * 9, reinterpret_cast<std::uint32_t*>(w),
                         kOuts, real, count * 9);
      } else {
        gather_weights(layer, from, channel, real, panel.first + c, count, w);
      }
      std::fill_n(w + count * 9 * kOuts, (kChannels - count) * 9 * kOuts, 0.0F);
      if (dense && from.scale != nullptr) {
        for (std::int64_t k = 0; k < count * 9; ++k) {
          for (std::int64_t n = 0; n < real; ++n) w[k * kOuts + n] *= from.scale[channel + n];
        }
      }
      kernels_of(kernel).weights(a, g, w, u);
      const std::int64_t rest = std::min(kChannels / channels_per_step, steps - c / channels_per_step);
      for (std::int64_t plane = 0; plane < planes_of(kernel); ++plane) {
        const float* values = u + plane * kChannels * kOuts;
        float* row = to + (plane * steps + c / channels_per_step) * width;
        for (std::int64_t s = 0; s < rest; ++s, row += width) {
          if (woven > 0) {
            for (std::int64_t n = 0; n < width; ++n) row[n] = values[s * kOuts + woven_channel(kernel.isa, woven, n)];
            continue;
          }
          if (!bf16) {
            std::memcpy(row, values + s * kOuts, static_cast<std::size_t>(width) * 4);
            continue;
          }
          for (std::int64_t n = 0; n < width; ++n) {
            const std::uint32_t pair = bf16_bits(values[2 * s * kOuts + n]) |
                                       static_cast<std::uint32_t>(bf16_bits(values[(2 * s + 1) * kOuts + n])) << 16;
            std::memcpy(row + n, &pair, 4);
          }
        }
      }
    }
  }
}

/// Strides of whole cache lines, an odd number of them, so that planes do not fall on the same sets.
std::int64_t odd_lines(std::int64_t floats) { return (ceil_div(floats, 16) | 1) * 16; }

std::int64_t in_blocks(const ConvLayer& layer) { return ceil_div(layer.in_channels, kChannelBlock); }

std::int64_t v_stride(const ConvPlan& plan) {
  return odd_lines(in_blocks(plan.kernel.layer) * plan.rows * plan.columns * (is_bf16(plan.kernel) ? 8 : 16));
}

std::int64_t m_stride(const ConvPlan& plan) { return odd_lines(2 * plan.rows * plan.columns * 16); }

/// Operations of the products of `tiles` tiles; a pair of bf16 counts as one, for it takes the time of one.
double product_flops(const ConvKernel& kernel, double tiles) {
  return 2.0 * static_cast<double>(planes_of(kernel)) * tiles * usual_steps(kernel) *
         static_cast<double>(round_up(kernel.layer.out_channels, width_step(kernel)));
}

double tile_total(const ConvKernel& kernel, const ConvShape& shape) {
  const int r = tile_of(kernel.algorithm);
  return static_cast<double>(shape.batch * shape.out[0] * ceil_div(shape.out[1], r) * ceil_div(shape.out[2], r));
}

double seconds(const ConvKernel& kernel, const ConvShape& shape, int threads) {
  const double tiles = tile_total(kernel, shape);
  const double rate = nominal_flops(kernel.isa);
  const ConvLayer& layer = kernel.layer;
  const double channels = 6.4 * static_cast<double>(round_up(layer.in_channels, 16)) +
                          4.5 * static_cast<double>(round_up(layer.out_channels, 16));
  // Transforms cost some 6 and 4 multiply-add slots for every element of V and M.
  const double transforms = tiles * static_cast<double>(planes_of(kernel)) * 2.0 * channels / rate;
  const double compute = (product_flops(kernel, tiles) / (0.96 * rate) + transforms) / threads;
  return std::max(compute, stream_seconds(kernel.packed_bytes)) + 2e-6;
}

void plan(ConvPlan& plan, int threads) {
  const ConvKernel& kernel = plan.kernel;
  const ConvLayer& layer = kernel.layer;
  const ConvShape& shape = plan.shape;
  const int r = tile_of(kernel.algorithm);
  const std::int64_t planes = planes_of(kernel);
  const std::int64_t images = shape.batch * shape.out[0];
  plan.panels = panel_count(kernel);
  plan.tiles_y = ceil_div(shape.out[1], r);
  plan.tiles_x = ceil_div(shape.out[2], r);
  if (images * plan.tiles_y * plan.tiles_x == 0) return;

  // Tiles of a block: V near half of the second-level cache, but enough of them for the weights that they stream.
  const CacheSizes caches = cache_sizes();
  const std::int64_t per_tile = planes * in_blocks(layer) * 64;
  const std::int64_t least = kernel.packed_bytes > caches.l2 / 2 ? 56 : 14;
  const std::int64_t most = std::clamp<std::int64_t>(caches.l2 / 2 / per_tile, least, 84);
  if (plan.tiles_x > most) {
    plan.rows = 1;
    plan.columns = ceil_div(plan.tiles_x, ceil_div(plan.tiles_x, most));
  } else {
    plan.columns = plan.tiles_x;
    plan.rows = ceil_div(plan.tiles_y, ceil_div(plan.tiles_y, std::max<std::int64_t>(1, most / plan.tiles_x)));
  }
  plan.bands_y = ceil_div(plan.tiles_y, plan.rows);
  plan.bands_x = ceil_div(plan.tiles_x, plan.columns);
  const std::int64_t blocks = images * plan.bands_y * plan.bands_x;

  const double work = seconds(kernel, shape, 1);
  const std::int64_t wanted = wanted_units(work, threads);
  const double per_block = work / static_cast<double>(blocks);
  const std::int64_t v_bytes = planes * v_stride(plan) * 4;
  const bool balanced = threads == 1 || blocks >= 4 * threads;
  const std::int64_t scratch = round_up(winograd_scratch_floats(r) * 4 + in_blocks(layer) * 8, 64);
  const std::int64_t m_bytes = planes * m_stride(plan) * 4;
  if ((balanced && per_block < 1.5e-3) || blocks * v_bytes > caches.l3 / 2) {
    plan.phases = 1;
    plan.panel_parts = 1;
    if (!balanced || per_block >= 1.5e-3) plan.panel_parts = std::clamp<std::int64_t>(wanted / blocks, 1, plan.panels);
    plan.panel_parts = ceil_div(plan.panels, ceil_div(plan.panels, plan.panel_parts));
    plan.units[0] = blocks * plan.panel_parts;
    plan.thread_scratch_bytes = v_bytes + m_bytes + scratch;
    return;
  }
  plan.phases = 2;
  plan.channel_parts = std::clamp<std::int64_t>(4 * threads / blocks, 1, in_blocks(layer));
  plan.channel_parts = ceil_div(in_blocks(layer), ceil_div(in_blocks(layer), plan.channel_parts));
  plan.panel_parts = std::clamp<std::int64_t>(ceil_div(wanted, blocks), 1, plan.panels);
  plan.panel_parts = ceil_div(plan.panels, ceil_div(plan.panels, plan.panel_parts));
  plan.units[0] = blocks * plan.channel_parts;
  plan.units[1] = blocks * plan.panel_parts;
  plan.thread_scratch_bytes = m_bytes + scratch;
  plan.shared_scratch_bytes = blocks * v_bytes;
}

void run(const ConvPlan& plan, const ConvBuffers& buffers, int phase, std::int64_t first, std::int64_t last,
         float* scratch) {
  const ConvKernel& kernel = plan.kernel;
  const ConvLayer& layer = kernel.layer;
  const ConvShape& shape = plan.shape;
  const WinogradKernels& kernels = kernels_of(kernel);
  const std::int64_t planes = planes_of(kernel);
  const auto* packed = static_cast<const float*>(buffers.packed);
  const bool shared = plan.phases == 2;
  WinogradUnit u{};
  u.r = tile_of(kernel.algorithm);
  u.in_width = shape.in[2];
  u.out_height = shape.out[1];
  u.out_width = shape.out[2];
  u.pad_y = shape.pad[1];
  u.pad_x = shape.pad[2];
  u.in_blocks = in_blocks(layer);
  u.v_stride = v_stride(plan);
  u.m_stride = m_stride(plan);
  u.group_width = kernel.group_width;
  u.in_channels = layer.in_channels;
  u.out_channels = layer.out_channels;
  u.groups = layer.groups;
  u.weights = packed + bias_floats(kernel);
  u.weight_stride = panel_floats(kernel);
  u.bias = packed;
  u.prefetch = 2048;
  u.stream = stream_floats(kernel.packed_bytes);
  u.woven = woven_width(layer);
  u.tiles_for = u.woven > 0 ? products_of(kernel.isa).woven_tiles : products_of(kernel.isa).tiles_for;
  u.narrow_tiles_for = kBf16Bf16.tiles_for;
  u.narrow_pixels = kBf16Bf16.tile_pixels;
  u.input_f32 = !is_bf16(kernel) || layer.rounds_input;
  u.output_bf16 = layer.output == ConvElement::kBf16;
  u.residual_bf16 = layer.residual_element == ConvElement::kBf16;
  u.residual_after = layer.residual == Residual::kAfterActivation;
  u.activation = layer.activation;
  float* free = scratch;
  if (!shared) {
    u.v = free;
    free += planes * u.v_stride;
  }
  u.products = free;
  free += planes * u.m_stride;
  u.scratch = free;
  free += winograd_scratch_floats(u.r);
  u.offsets = reinterpret_cast<std::int64_t*>(free);

  const std::int64_t blocks_of_image = plan.bands_y * plan.bands_x;
  const std::int64_t blocks = shape.batch * shape.out[0] * blocks_of_image;
  const std::int64_t in_plane = shape.in[1] * shape.in[2] * 16;
  const std::int64_t out_plane = shape.out[1] * shape.out[2] * 16;
  const std::int64_t out_blocks = ceil_div(layer.out_channels, kChannelBlock);
  u.in_block_stride = shape.in[0] * in_plane;
  u.out_block_stride = shape.out[0] * out_plane;
  std::int64_t previous = -1;
  for (std::int64_t i = first; i < last; ++i) {
    // Parts of one block follow each other in one phase, so that V stays; blocks of one part do in two.
    const std::int64_t parts = phase == 0 && shared ? plan.channel_parts : plan.panel_parts;
    const std::int64_t block = shared ? i % blocks : i / parts;
    const std::int64_t part = shared ? i / blocks : i % parts;
    const std::int64_t image = block / blocks_of_image;
    const std::int64_t n = image / shape.out[0];
    const std::int64_t z = image % shape.out[0];
    u.ty0 = block % blocks_of_image / plan.bands_x * plan.rows;
    u.ty1 = std::min(u.ty0 + plan.rows, plan.tiles_y);
    u.tx0 = block % plan.bands_x * plan.columns;
    u.tx1 = std::min(u.tx0 + plan.columns, plan.tiles_x);
    if (u.ty0 >= u.ty1 || u.tx0 >= u.tx1) continue;
    if (shared) u.v = static_cast<float*>(buffers.shared_scratch) + block * planes * u.v_stride;
    if (phase == 0) {
      const std::int64_t per_part = shared ? ceil_div(u.in_blocks, plan.channel_parts) : u.in_blocks;
      u.block0 = shared ? part * per_part : 0;
      u.block1 = std::min(u.block0 + per_part, u.in_blocks);
      const std::int64_t iz = z - shape.pad[0];
      const bool inside = iz >= 0 && iz < shape.in[0];
      u.in_height = inside ? shape.in[1] : 0;
      const std::int64_t from = n * u.in_blocks * shape.in[0] * in_plane + (inside ? iz * in_plane : 0);
      u.input = static_cast<const char*>(buffers.input) + from * (u.input_f32 ? 4 : 2);
      if (shared || block != previous) kernels.input(u);
      previous = block;
    }
    if (shared && phase == 0) continue;
    const std::int64_t per_part = ceil_div(plan.panels, plan.panel_parts);
    u.panel0 = part * per_part;
    u.panel1 = std::min(u.panel0 + per_part, plan.panels);
    const std::int64_t to = (n * out_blocks * shape.out[0] + z) * out_plane;
    u.output = static_cast<char*>(buffers.output) + to * (u.output_bf16 ? 2 : 4);
    u.residual = nullptr;
    if (layer.residual != Residual::kNone) {
      u.residual = static_cast<const char*>(buffers.residual) + to * (u.residual_bf16 ? 2 : 4);
    }
    kernels.output(u);
  }
}

}  // namespace

const ConvSteps kWinogradSteps = {size, pack_units, pack, plan, run, seconds};

}  // namespace oriel::kernels
