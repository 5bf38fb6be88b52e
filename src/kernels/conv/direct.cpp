// Plans, packs and deals out direct convolutions, plain or blocked, transposed or not, with any groups.
#include "kernels/conv/direct.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/conv/algorithms.h"
#include "kernels/transpose/transpose_table.h"

namespace oriel::kernels {
namespace {

const DirectKernels& kernels_of(Isa isa) {
  if (isa >= Isa::kAvx512) return kDirectAvx512;
  return isa == Isa::kAvx2 ? kDirectAvx2 : kDirectScalar;
}

bool is_f32(const ConvKernel& kernel) { return kernel.layer.input == ConvElement::kF32; }

bool is_integer(const ConvKernel& kernel) {
  return kernel.layer.input == ConvElement::kU8 || kernel.layer.input == ConvElement::kS8;
}

/// The kernels of a layer that is not f32. VNNI needs signed weights, and one bias for all passes.
const NarrowKernels& narrow_of(const ConvKernel& kernel) {
  if (!is_integer(kernel)) return kBf16Bf16;
  if (kernel.isa >= Isa::kVnni && kernel.layer.wide_words >= 0 && !kernel.layer.transposed) return kInt8Vnni;
  if (kernel.isa >= Isa::kAvx512) return kInt16Avx512;
  return kernel.isa == Isa::kAvx2 ? kInt16Avx2 : kInt16Scalar;
}

/// Whether bands keep channels apart: plain f32 inputs alone.
bool is_plain(const ConvKernel& kernel) { return kernel.layer.input_layout == Layout::kPlain && is_f32(kernel); }

std::int64_t channels_per_word(const ConvKernel& kernel) {
  return is_f32(kernel) ? 1 : narrow_of(kernel).channels_per_word;
}

/// 4-byte words of a pixel (of 16 channels unless plain) in a band.
std::int64_t pixel_words(const ConvKernel& kernel) { return is_plain(kernel) ? 1 : 16 / channels_per_word(kernel); }

std::int64_t width_step(const ConvKernel& kernel) { return is_f32(kernel) && woven_width(kernel.layer) == 0 ? 8 : 16; }

std::int64_t tile_pixels(const ConvKernel& kernel) {
  return is_f32(kernel) ? kernels_of(kernel.isa).tile_pixels : narrow_of(kernel).tile_pixels;
}

std::int64_t element_bytes(ConvElement element) {
  switch (element) {
    case ConvElement::kBf16:
      return 2;
    case ConvElement::kU8:
    case ConvElement::kS8:
      return 1;
    default:
      return 4;
  }
}

/// Output residues of one dimension.
std::int64_t pass_count(const ConvLayer& layer, int d) { return layer.transposed ? layer.stride[d] : 1; }

/// Dimension d of pass `residue`, as far as it does not depend on the shape.
ConvAxis taps_of(const ConvLayer& layer, int d, std::int64_t residue) {
  ConvAxis a{};
  const std::int64_t s = layer.stride[d];
  const std::int64_t dilation = layer.dilation[d];
  if (!layer.transposed) {
    a.in_stride = s;
    a.taps = layer.kernel[d];
    a.tap_step = dilation;
    a.kernel_step = 1;
    return a;
  }
  a.in_stride = 1;
  a.kernel_step = s / std::gcd(s, dilation);
  a.tap_step = -(a.kernel_step * dilation / s);
  for (std::int64_t k = 0; k < a.kernel_step && k < layer.kernel[d]; ++k) {
    const std::int64_t distance = residue - k * dilation;
    if (distance % s != 0) continue;
    a.kernel_first = k;
    a.taps = ceil_div(layer.kernel[d] - k, a.kernel_step);
    a.tap_first = distance / s;
    break;
  }
  return a;
}

/// The same for a shape: which output points, and where they read.
ConvAxis axis_of(const ConvLayer& layer, const ConvShape& shape, int d, std::int64_t residue) {
  ConvAxis a = taps_of(layer, d, residue);
  a.in_size = shape.in[d];
  a.out_size = shape.out[d];
  if (!layer.transposed) {
    a.outputs = shape.out[d];
    a.out_step = 1;
    a.tap_first = -shape.pad[d];
    return a;
  }
  const std::int64_t s = layer.stride[d];
  a.out_first = ((residue - shape.pad[d]) % s + s) % s;
  a.out_step = s;
  a.outputs = shape.out[d] > a.out_first ? ceil_div(shape.out[d] - a.out_first, s) : 0;
  a.tap_first += (a.out_first + shape.pad[d] - residue) / s;
  return a;
}

PanelChannels panel_of(const ConvKernel& kernel, std::int64_t p) {
  return panel_channels(kernel.layer.in_channels, kernel.layer.out_channels, kernel.layer.groups, kernel.group_width,
                        width_step(kernel), is_plain(kernel), p);
}

std::int64_t panel_count(const ConvKernel& kernel) { return ceil_div(kernel.layer.out_channels, kernel.group_width); }

/// k steps per tap in the packed weights of a panel.
std::int64_t packed_steps(const ConvKernel& kernel, const PanelChannels& panel) {
  const std::int64_t channels = panel.last - panel.first;
  if (const std::int64_t woven = woven_width(kernel.layer); woven > 0) return woven;
  if (is_plain(kernel)) return channels;
  return is_f32(kernel) ? round_up(channels, 4) : ceil_div(channels, channels_per_word(kernel));
}

/// The largest panel, as steps x width, and the most channels (blocks of 16 unless plain) that one reads.
struct PanelBounds {
  std::int64_t floats_per_tap = 0;
  std::int64_t channels = 0;
};

PanelBounds panel_bounds(const ConvKernel& kernel) {
  PanelBounds bounds;
  const std::int64_t panels = kernel.layer.groups == 1 ? 1 : panel_count(kernel);
  for (std::int64_t p = 0; p < panels; ++p) {
    const PanelChannels panel = panel_of(kernel, p);
    bounds.floats_per_tap = std::max(bounds.floats_per_tap, packed_steps(kernel, panel) * panel.width);
    bounds.channels = std::max(bounds.channels, ceil_div(panel.last - panel.first, is_plain(kernel) ? 1 : 16));
  }
  return bounds;
}

std::int64_t bias_floats(const ConvKernel& kernel) { return round_up(kernel.layer.out_channels, 32); }

/// Words before the weights: bias; for integer layers also scale and offset.
std::int64_t header_floats(const ConvKernel& kernel) { return bias_floats(kernel) * (is_integer(kernel) ? 3 : 1); }

struct Pass {
  std::int64_t residue[3];
  std::int64_t taps;
  std::int64_t weights;  // offset in the packed floats
  std::int64_t stride;   // floats between its panels
};

/// Pass `index` in packing order.
Pass pass_of(const ConvKernel& kernel, const PanelBounds& bounds, std::int64_t index) {
  const ConvLayer& layer = kernel.layer;
  const std::int64_t panels = panel_count(kernel);
  Pass pass{};
  pass.weights = header_floats(kernel);
  for (std::int64_t i = 0;; ++i) {
    pass.residue[2] = i % pass_count(layer, 2);
    pass.residue[1] = i / pass_count(layer, 2) % pass_count(layer, 1);
    pass.residue[0] = i / pass_count(layer, 2) / pass_count(layer, 1);
    pass.taps = 1;
    for (int d = 0; d < 3; ++d) pass.taps *= taps_of(layer, d, pass.residue[d]).taps;
    pass.stride = round_up(bounds.floats_per_tap * pass.taps, 16);
    if (i == index) return pass;
    pass.weights += pass.stride * panels;
  }
}

std::int64_t passes_of(const ConvLayer& layer) {
  return pass_count(layer, 0) * pass_count(layer, 1) * pass_count(layer, 2);
}

/// Where the excess of weights that are no bytes lies behind the panels of the only pass: the first entry of each panel
/// and one more, the step of each entry, its word of weights.
struct WideWords {
  std::int64_t starts = 0, steps = 0, weights = 0;  // offsets in the packed floats
  std::int64_t floats = 0;
};

WideWords wide_of(const ConvKernel& kernel) {
  WideWords wide;
  if (kernel.layer.wide_words <= 0 || channels_per_word(kernel) != 4) return wide;
  const std::int64_t panels = panel_count(kernel);
  const Pass pass = pass_of(kernel, panel_bounds(kernel), 0);
  wide.starts = pass.weights + pass.stride * panels;
  wide.steps = wide.starts + round_up(panels + 1, 16);
  wide.weights = wide.steps + round_up(kernel.layer.wide_words, 16);
  wide.floats = wide.weights + kernel.layer.wide_words * kernel.group_width - wide.starts;
  return wide;
}

void size(ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  kernel.group_width = is_f32(kernel) ? kernels_of(kernel.isa).group_width : narrow_of(kernel).group_width;
  const std::int64_t outs = layer.out_channels / layer.groups;
  if (layer.out_channels <= 16 || (layer.groups > 1 && outs % kernel.group_width != 0)) kernel.group_width = 16;
  const PanelBounds bounds = panel_bounds(kernel);
  const Pass last = pass_of(kernel, bounds, passes_of(layer) - 1);
  kernel.packed_bytes = (last.weights + last.stride * panel_count(kernel) + wide_of(kernel).floats) * 4;
}

std::int64_t pack_units(const ConvKernel& kernel) { return passes_of(kernel.layer) * panel_count(kernel); }

/// The weight of output channel o, input channel c and kernel element k, which must be of the same group.
std::int64_t weight_index(const ConvLayer& layer, std::int64_t o, std::int64_t c, std::int64_t k) {
  const std::int64_t outs = layer.out_channels / layer.groups;
  const std::int64_t ins = layer.in_channels / layer.groups;
  const std::int64_t volume = layer.kernel[0] * layer.kernel[1] * layer.kernel[2];
  return layer.transposed ? (c * outs + o % outs) * volume + k : (o * ins + c % ins) * volume + k;
}

/// The output channel of weight `index` of a transposed layer.
std::int64_t weight_output(const ConvLayer& layer, std::int64_t index) {
  const std::int64_t outs = layer.out_channels / layer.groups;
  const std::int64_t volume = layer.kernel[0] * layer.kernel[1] * layer.kernel[2];
  return index / volume / outs / (layer.in_channels / layer.groups) * outs + index / volume % outs;
}

std::int32_t integer_weight(const ConvIntegerWeights& w, std::int64_t o, std::int64_t index) {
  const std::int32_t zero = w.zero == nullptr ? 0 : w.zero[w.zero_per_channel ? o : 0];
  return (w.is_signed ? static_cast<const std::int8_t*>(w.weights)[index]
                      : static_cast<const std::uint8_t*>(w.weights)[index]) -
         zero;
}

std::int32_t nearest_byte(std::int32_t value) { return std::clamp(value, -128, 127); }

/// Calls f(panel, step, o, lane, weight) for every weight of a VNNI kernel's layer that is no signed byte: `step`
/// counts words of four channels as the tiles do, `lane` is the weight's place in its word.
template <typename F>
void for_each_wide_weight(const ConvKernel& kernel, const ConvIntegerWeights& w, F&& f) {
  const ConvLayer& layer = kernel.layer;
  const std::int64_t ins = layer.in_channels / layer.groups;
  const std::int64_t outs = layer.out_channels / layer.groups;
  const std::int64_t volume = layer.kernel[0] * layer.kernel[1] * layer.kernel[2];
  for (std::int64_t o = 0; o < layer.out_channels; ++o) {
    const std::int64_t p = o / kernel.group_width;
    const std::int64_t first = panel_of(kernel, p).first;
    for (std::int64_t i = 0; i < ins * volume; ++i) {
      const std::int32_t value = integer_weight(w, o, o * ins * volume + i);
      if (value == nearest_byte(value)) continue;
      const std::int64_t c = o / outs * ins + i / volume - first;
      f(p, (c / 16 * volume + i % volume) * 4 + c % 16 / 4, o, c % 4, value);
    }
  }
}

/// The steps of each panel that have such a weight, in order.
std::vector<std::vector<std::int32_t>> wide_steps(const ConvKernel& kernel, const ConvIntegerWeights& w) {
  std::vector<std::vector<std::int32_t>> steps(static_cast<std::size_t>(panel_count(kernel)));
  for_each_wide_weight(kernel, w, [&](std::int64_t p, std::int64_t step, std::int64_t, std::int64_t, std::int32_t) {
    steps[static_cast<std::size_t>(p)].push_back(static_cast<std::int32_t>(step));
  });
  for (std::vector<std::int32_t>& own : steps) {
    std::sort(own.begin(), own.end());
    own.erase(std::unique(own.begin(), own.end()), own.end());
  }
  return steps;
}

void pack_wide_words(const ConvKernel& kernel, const ConvIntegerWeights& w, float* packed) {
  const WideWords wide = wide_of(kernel);
  if (wide.floats == 0) return;
  std::memset(packed + wide.starts, 0, static_cast<std::size_t>(wide.floats) * 4);
  auto* starts = reinterpret_cast<std::int32_t*>(packed + wide.starts);
  auto* all = reinterpret_cast<std::int32_t*>(packed + wide.steps);
  const std::vector<std::vector<std::int32_t>> steps = wide_steps(kernel, w);
  for (std::size_t p = 0; p < steps.size(); ++p) {
    std::copy(steps[p].begin(), steps[p].end(), all + starts[p]);
    starts[p + 1] = starts[p] + static_cast<std::int32_t>(steps[p].size());
  }
  for_each_wide_weight(
      kernel, w, [&](std::int64_t p, std::int64_t step, std::int64_t o, std::int64_t lane, std::int32_t value) {
        const std::vector<std::int32_t>& own = steps[static_cast<std::size_t>(p)];
        const std::int64_t entry =
            std::lower_bound(own.begin(), own.end(), static_cast<std::int32_t>(step)) - own.begin();
        float* words = packed + wide.weights + starts[p] * kernel.group_width + entry * panel_of(kernel, p).width;
        reinterpret_cast<std::uint8_t*>(words + o % kernel.group_width)[lane] =
            static_cast<std::uint8_t>(value - nearest_byte(value));
      });
}

std::uint32_t bf16_bits(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const std::uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return ((bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : rounded) >> 16;
}

/// Calls f(element of the kernel) for every tap of a pass, in the order of packed weights.
template <typename F>
void for_each_tap(const ConvLayer& layer, const Pass& pass, F f) {
  ConvAxis axis[3];
  for (int d = 0; d < 3; ++d) axis[d] = taps_of(layer, d, pass.residue[d]);
  const auto element = [&](int d, std::int64_t tap) { return axis[d].kernel_first + tap * axis[d].kernel_step; };
  for (std::int64_t z = 0; z < axis[0].taps; ++z) {
    for (std::int64_t y = 0; y < axis[1].taps; ++y) {
      for (std::int64_t x = 0; x < axis[2].taps; ++x) {
        f((element(0, z) * layer.kernel[1] + element(1, y)) * layer.kernel[2] + element(2, x));
      }
    }
  }
}

/// Packs panel p of one pass of woven groups: for every tap [step][lane].
void pack_woven_panel(const ConvKernel& kernel, const Pass& pass, std::int64_t p, const ConvWeights& source,
                      float* to) {
  const ConvLayer& layer = kernel.layer;
  const std::int64_t width = woven_width(layer);
  for_each_tap(layer, pass, [&](std::int64_t k) {
    for (std::int64_t lane = 0; lane < kChannelBlock; ++lane) {
      const std::int64_t o = p * kChannelBlock + woven_channel(kernel.isa, width, lane);
      if (o >= layer.out_channels) continue;
      for (std::int64_t step = 0; step < width; ++step) {
        to[step * kChannelBlock + lane] = scaled_weight(source, o, weight_index(layer, o, o / width * width + step, k));
      }
    }
    to += width * kChannelBlock;
  });
}

/// Packs panel p of one pass: for every run of up to 16 channels, for every tap, [word of channels][output channel].
/// part(o, index) gives the bits of one weight, of which kPerWord make a word.
template <int kPerWord, typename Part>
void pack_panel(const ConvKernel& kernel, const Pass& pass, std::int64_t p, Part part, float* to) {
  const ConvLayer& layer = kernel.layer;
  const PanelChannels panel = panel_of(kernel, p);
  const std::int64_t run = is_plain(kernel) ? 1 : 16;
  const std::int64_t outs = layer.out_channels / layer.groups;
  const std::int64_t ins = layer.in_channels / layer.groups;
  const std::int64_t volume = layer.kernel[0] * layer.kernel[1] * layer.kernel[2];
  const std::int64_t channel_stride = layer.transposed ? outs * volume : volume;
  for (std::int64_t c0 = panel.first; c0 < panel.last; c0 += run) {
    const std::int64_t channels = std::min(run, panel.last - c0);
    const std::int64_t steps =
        is_f32(kernel) && !is_plain(kernel) ? round_up(channels, 4) : ceil_div(channels, kPerWord);
    for_each_tap(layer, pass, [&](std::int64_t k) {
      for (std::int64_t n = 0; n < panel.width; ++n) {
        const std::int64_t o = p * kernel.group_width + n;
        if (o >= layer.out_channels) break;
        // Channels of the output channel's own group; the rest of the panel stays zero.
        const std::int64_t group = o / outs;
        const std::int64_t begin = std::max(c0, group * ins);
        const std::int64_t end = std::min(c0 + channels, (group + 1) * ins);
        if (begin >= end) continue;
        std::int64_t index = weight_index(layer, o, begin, k);
        for (std::int64_t c = begin; c < end; ++c, index += channel_stride) {
          const std::uint32_t bits = part(o, index) << ((c - c0) % kPerWord * (32 / kPerWord) % 32);
          float* at = to + (c - c0) / kPerWord * panel.width + n;
          std::uint32_t word;
          std::memcpy(&word, at, 4);
          word |= bits;
          std::memcpy(at, &word, 4);
        }
      }
      to += steps * panel.width;
    });
  }
}

/// Panel p of f32 or bf16 weights whose channels are those of one group: rows of the source become columns, a few at a
/// time. False, and nothing done, for other panels.
bool pack_dense_panel(const ConvKernel& kernel, const Pass& pass, std::int64_t p, const ConvWeights& source,
                      float* to) {
  const ConvLayer& layer = kernel.layer;
  const PanelChannels panel = panel_of(kernel, p);
  const std::int64_t first = p * kernel.group_width;
  const std::int64_t real = std::min(kernel.group_width, layer.out_channels - first);
  const std::int64_t ins = layer.in_channels / layer.groups;
  if (layer.transposed || panel.last - panel.first != ins || panel.first % ins != 0) return false;
  const std::int64_t volume = layer.kernel[0] * layer.kernel[1] * layer.kernel[2];
  const std::int64_t run = is_plain(kernel) ? 1 : 16;
  const std::int64_t width = panel.width;
  const std::int64_t steps_end = packed_steps(kernel, panel);
  const std::int64_t per_word = channels_per_word(kernel);
  if (real < width || steps_end * per_word > ins) {
    std::fill_n(to, pass.stride, 0.0F);
  } else {
    std::fill_n(to + steps_end * volume * width, pass.stride - steps_end * volume * width, 0.0F);
  }
  const auto* from = reinterpret_cast<const char*>(source.weights) + first * ins * volume * 4;
  const TransposeTable& table = transpose_table(kernel.isa);
  constexpr std::int64_t kColumns = 128;
  alignas(64) float columns[kColumns * 32];
  for (std::int64_t q0 = 0; q0 < ins * volume; q0 += kColumns) {
    const std::int64_t count = std::min(kColumns, ins * volume - q0);
    table.four_bytes(reinterpret_cast<const std::uint32_t*>(from + q0 * 4), ins * volume,
                     reinterpret_cast<std::uint32_t*>(columns), width, real, count);
    std::int64_t c = q0 / volume;
    std::int64_t k = q0 % volume;
    for (std::int64_t q = 0; q < count; ++q) {
      const float* column = columns + q * width;
      const std::int64_t c0 = c / run * run;
      const std::int64_t steps = std::min(run, steps_end * per_word - c0) / per_word;
      float* row = to + (c0 / per_word * volume + k * steps + (c - c0) / per_word) * width;
      if (per_word == 2) {
        auto* half = reinterpret_cast<char*>(row) + (c - c0) % 2 * 2;
        for (std::int64_t n = 0; n < real; ++n) {
          const float value = source.scale == nullptr ? column[n] : column[n] * source.scale[first + n];
          const auto bits = static_cast<std::uint16_t>(bf16_bits(value));
          std::memcpy(half + n * 4, &bits, 2);
        }
      } else if (source.scale == nullptr) {
        std::memcpy(row, column, static_cast<std::size_t>(real) * 4);
      } else {
        for (std::int64_t n = 0; n < real; ++n) row[n] = column[n] * source.scale[first + n];
      }
      if (++k == volume) {
        k = 0;
        ++c;
      }
    }
  }
  return true;
}

void pack_panel(const ConvKernel& kernel, const Pass& pass, std::int64_t p, const ConvSource& source, float* to) {
  const bool woven = woven_width(kernel.layer) > 0;
  if (!is_integer(kernel) && !woven && pack_dense_panel(kernel, pass, p, source.real, to)) return;
  if (is_f32(kernel)) {
    std::fill_n(to, pass.stride, 0.0F);
    if (woven) return pack_woven_panel(kernel, pass, p, source.real, to);
    return pack_panel<1>(
        kernel, pass, p,
        [&](std::int64_t o, std::int64_t i) {
          const float value = scaled_weight(source.real, o, i);
          std::uint32_t bits;
          std::memcpy(&bits, &value, 4);
          return bits;
        },
        to);
  }
  std::fill_n(to, pass.stride, 0.0F);
  if (!is_integer(kernel)) {
    return pack_panel<2>(
        kernel, pass, p, [&](std::int64_t o, std::int64_t i) { return bf16_bits(scaled_weight(source.real, o, i)); },
        to);
  }
  const ConvIntegerWeights& w = *source.integer;
  if (channels_per_word(kernel) == 4) {
    return pack_panel<4>(
        kernel, pass, p,
        [&](std::int64_t o, std::int64_t i) {
          return static_cast<std::uint32_t>(nearest_byte(integer_weight(w, o, i))) & 0xff;
        },
        to);
  }
  pack_panel<2>(
      kernel, pass, p,
      [&](std::int64_t o, std::int64_t i) { return static_cast<std::uint32_t>(integer_weight(w, o, i)) & 0xffff; }, to);
}

/// Bias, scale and offset of integer layers. VNNI sees inputs as unsigned and not less their zero point: the bias of an
/// output channel takes back what the zero point adds, that is its weights' sum times the zero point.
void pack_integer_header(const ConvKernel& kernel, const ConvIntegerWeights& w, float* packed) {
  const ConvLayer& layer = kernel.layer;
  const std::int64_t count = bias_floats(kernel);
  const std::int64_t outs = layer.out_channels / layer.groups;
  const std::int64_t ins = layer.in_channels / layer.groups;
  const std::int64_t volume = layer.kernel[0] * layer.kernel[1] * layer.kernel[2];
  const std::int64_t seen_zero = layer.input_zero + (layer.input == ConvElement::kS8 ? 128 : 0);
  for (std::int64_t o = 0; o < count; ++o) {
    const bool real = o < layer.out_channels;
    std::int64_t bias = real && w.bias != nullptr ? w.bias[o] : 0;
    if (real && channels_per_word(kernel) == 4) {
      for (std::int64_t c = 0; c < ins; ++c) {
        for (std::int64_t k = 0; k < volume; ++k) {
          bias -= seen_zero * integer_weight(w, o, weight_index(layer, o, o / outs * ins + c, k));
        }
      }
    }
    const auto wrapped = static_cast<std::uint32_t>(bias);
    std::memcpy(packed + o, &wrapped, 4);
    packed[count + o] = real && w.scale != nullptr ? w.scale[o] : 1.0F;
    packed[2 * count + o] = real && w.offset != nullptr ? w.offset[o] : 0.0F;
  }
}

void pack(const ConvKernel& kernel, const ConvSource& source, float* packed, std::int64_t first, std::int64_t last) {
  const PanelBounds bounds = panel_bounds(kernel);
  const std::int64_t panels = panel_count(kernel);
  if (first == 0 && is_integer(kernel)) {
    pack_integer_header(kernel, *source.integer, packed);
    pack_wide_words(kernel, *source.integer, packed);
  }
  if (first == 0 && !is_integer(kernel)) {
    const std::int64_t count = bias_floats(kernel);
    for (std::int64_t i = 0; i < count; ++i) {
      packed[i] = source.real.bias != nullptr && i < kernel.layer.out_channels ? source.real.bias[i] : 0.0F;
    }
  }
  for (std::int64_t u = first; u < last; ++u) {
    const Pass pass = pass_of(kernel, bounds, u / panels);
    float* to = packed + pass.weights + u % panels * pass.stride;
    pack_panel(kernel, pass, u % panels, source, to);
  }
}

/// Whether the layer computes every pixel from the same pixel of a blocked input.
bool is_pointwise(const ConvKernel& kernel, const ConvShape& shape) {
  const ConvLayer& layer = kernel.layer;
  if (layer.input_layout == Layout::kPlain || layer.transposed) return false;
  if (woven_width(layer) > 0 || layer.scaled_input) return false;
  for (int d = 0; d < 3; ++d) {
    if (layer.kernel[d] != 1 || layer.stride[d] != 1 || shape.pad[d] != 0 || shape.in[d] != shape.out[d]) return false;
  }
  return true;
}

/// Whether a pointwise layer's input lies in memory as a band would: 8-bit ones only where VNNI takes unsigned ones.
bool lies_as_band(const ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  if (is_integer(kernel)) return channels_per_word(kernel) == 4 && layer.input == ConvElement::kU8;
  return !layer.rounds_input;
}

/// The axes of one pass; a pointwise layer is one row of pixels.
void axes_of(const ConvPlan& plan, const std::int64_t* residue, ConvAxis* axis) {
  for (int d = 0; d < 3; ++d) axis[d] = axis_of(plan.kernel.layer, plan.shape, d, residue[d]);
  if (!plan.pointwise) return;
  for (int d = 0; d < 2; ++d) {
    axis[2].outputs *= axis[d].outputs;
    axis[2].in_size *= axis[d].in_size;
    axis[2].out_size *= axis[d].out_size;
    axis[d].outputs = axis[d].in_size = axis[d].out_size = 1;
  }
}

/// Panels of one part. Grouped layers keep the panels of a group together, since they read the same channels.
std::int64_t part_panels(const ConvPlan& plan) { return ceil_div(plan.panels, plan.panel_parts); }

/// Most channels (blocks of 16 unless plain) that one part reads.
std::int64_t part_channels(const ConvPlan& plan) {
  const std::int64_t unit = is_plain(plan.kernel) ? 1 : 16;
  if (plan.kernel.layer.groups == 1) return ceil_div(plan.kernel.layer.in_channels, unit);
  std::int64_t most = 0;
  const std::int64_t count = part_panels(plan);
  for (std::int64_t p = 0; p < plan.panels; p += count) {
    const std::int64_t first = panel_of(plan.kernel, p).first;
    const std::int64_t last = panel_of(plan.kernel, std::min(p + count, plan.panels) - 1).last;
    most = std::max(most, ceil_div(last, unit) - first / unit);
  }
  return most;
}

/// The greatest extents of a dimension over all passes, with the most taps.
ConvAxis widest_axis(const ConvPlan& plan, int d) {
  ConvAxis widest = axis_of(plan.kernel.layer, plan.shape, d, 0);
  for (std::int64_t r = 1; r < pass_count(plan.kernel.layer, d); ++r) {
    const ConvAxis a = axis_of(plan.kernel.layer, plan.shape, d, r);
    widest.outputs = std::max(widest.outputs, a.outputs);
    if (a.taps > widest.taps) {
      widest.taps = a.taps;
      widest.tap_first = a.tap_first;
    }
  }
  return widest;
}

double direct_rate(const ConvKernel& kernel) {
  const double f32 = nominal_flops(kernel.isa);
  if (is_f32(kernel)) return f32 * (is_plain(kernel) ? 0.8 : 0.95);
  if (!is_integer(kernel)) return f32 * 1.8;
  return channels_per_word(kernel) == 4 ? f32 * 3.2 : f32 * 0.9;
}

/// Operations including the zeros of padded panels.
double padded_flops(const ConvKernel& kernel, const ConvShape& shape) {
  const ConvLayer& layer = kernel.layer;
  const PanelBounds bounds = panel_bounds(kernel);
  double flops = 2.0 * static_cast<double>(bounds.floats_per_tap * channels_per_word(kernel)) *
                 static_cast<double>(panel_count(kernel)) * static_cast<double>(shape.batch);
  const std::int64_t* points = layer.transposed ? shape.in : shape.out;
  for (int d = 0; d < 3; ++d) flops *= static_cast<double>(points[d] * layer.kernel[d]);
  return flops;
}

double seconds(const ConvKernel& kernel, const ConvShape& shape, int threads) {
  const double compute = padded_flops(kernel, shape) / direct_rate(kernel);
  const double stream = stream_seconds(kernel.packed_bytes);
  return std::max(compute / threads, stream) + 1e-6;
}

/// What share() weighs: output points of one band of all rows, the time of one thread for everything, and what a band
/// copies: bytes at least, and bytes a row.
struct Work {
  std::int64_t positions, height, width;
  double seconds;
  double band_bytes, row_bytes;
};

/// Cuts bands and panels so that several threads finish early: units of equal size whose number they divide, small
/// enough to make up for a thread that is late, large enough to be worth their start and their copy of the input.
void share(ConvPlan& plan, const Work& work, int threads) {
  constexpr double kStart = 0.4e-6;
  constexpr double kFork = 2e-6;
  constexpr double kCopyRate = 12e9;
  constexpr double kLate = 0.1;
  const bool grouped = plan.kernel.layer.groups > 1;
  // Cuts go across columns in place, else across rows.
  const std::int64_t extent = plan.in_place ? work.width : work.height;
  const std::int64_t least = plan.in_place ? std::min<std::int64_t>(extent, 7) : 1;
  const std::int64_t fixed = work.positions * (plan.in_place ? plan.bands_y : plan.bands_x);
  const std::int64_t base = plan.in_place ? plan.bands_x : plan.bands_y;
  const double point = work.seconds / static_cast<double>(work.positions * extent * plan.panels);
  std::int64_t best_cut = base;
  std::int64_t best_parts = plan.panel_parts;
  double best = 0.0;
  std::int64_t parts = grouped ? plan.panel_parts : 1;
  for (;;) {
    const std::int64_t panels = ceil_div(plan.panels, parts);
    const std::int64_t real_parts = ceil_div(plan.panels, panels);
    for (std::int64_t cut = base, step = 0; step < 5; ++step) {
      const std::int64_t points = std::max(ceil_div(extent, cut), least);
      const std::int64_t cuts = ceil_div(extent, points);
      const std::int64_t units = fixed * cuts * real_parts;
      const auto turns = static_cast<double>(ceil_div(units, threads));
      const double unit =
          point * static_cast<double>(points * panels) / static_cast<double>(plan.in_place ? 1 : plan.bands_x);
      const double copy = (work.band_bytes + work.row_bytes * static_cast<double>(points)) / kCopyRate;
      const double total = turns * (unit + copy + kStart) + kLate * unit + (units > 1 ? kFork : 0.0);
      if (best == 0.0 || total < best) {
        best = total;
        best_cut = cuts;
        best_parts = real_parts;
      }
      if (points == least) break;
      cut = step == 0 ? round_up(base + 1, threads) : 2 * cut;
    }
    if (grouped || parts == plan.panels || parts >= 8 * threads) break;
    parts = std::min(2 * parts, plan.panels);
  }
  plan.panel_parts = best_parts;
  (plan.in_place ? plan.columns : plan.rows) = std::max(ceil_div(extent, best_cut), least);
}

void plan(ConvPlan& plan, int threads) {
  const ConvKernel& kernel = plan.kernel;
  const ConvLayer& layer = kernel.layer;
  const std::int64_t unit_bytes = pixel_words(kernel) * 4;
  // Input of a band: three eighths of the second-level cache, or six where the weights stream past it anyway.
  const std::int64_t l2 = cache_sizes().l2;
  const std::int64_t budget = std::max<std::int64_t>(kernel.packed_bytes > 2 * l2 ? l2 * 3 / 4 : l2 * 3 / 8, 64 << 10);
  plan.panels = panel_count(kernel);
  plan.panel_parts = 1;
  if (layer.groups > 1) {
    const std::int64_t together = std::max<std::int64_t>(1, layer.out_channels / layer.groups / kernel.group_width);
    plan.panel_parts = ceil_div(plan.panels, together);
  }
  std::int64_t taps = 1;
  std::int64_t positions = plan.shape.batch;
  for (int d = 0; d < 3; ++d) {
    plan.passes[d] = pass_count(layer, d);
    positions *= plan.passes[d];
  }
  const bool pointwise = is_pointwise(kernel, plan.shape);
  plan.in_place = pointwise && lies_as_band(kernel);
  plan.pointwise = pointwise && (plan.in_place || layer.groups == 1);
  ConvAxis axis[3];
  for (int d = 0; d < 3; ++d) {
    axis[d] = widest_axis(plan, d);
    taps *= axis[d].taps;
  }
  if (plan.pointwise) {
    const std::int64_t none[3] = {0, 0, 0};
    axes_of(plan, none, axis);
  }
  positions *= axis[0].outputs;
  const std::int64_t height = axis[1].outputs;
  const std::int64_t width = axis[2].outputs;
  const std::int64_t channels = part_channels(plan);
  const std::int64_t tile = tile_pixels(kernel);
  plan.units[0] = 0;
  plan.phases = 1;
  plan.thread_scratch_bytes = 0;
  if (positions * height * width == 0) return;

  // Few pixels wait for their weights.
  constexpr double kWeightRate = 25e9;
  const double work = std::max(padded_flops(kernel, plan.shape) / direct_rate(kernel),
                               static_cast<double>(kernel.packed_bytes) / kWeightRate);
  const std::int64_t wanted = wanted_units(work, threads);
  plan.flat = false;
  plan.rows = height;
  plan.columns = width;
  const auto band_bytes = [&](std::int64_t rows, std::int64_t columns) {
    return taps == 0 ? 0 : band_shape(axis, rows, columns, plan.flat).channel_pitch * channels * unit_bytes;
  };
  if (plan.pointwise) {
    plan.flat = !plan.in_place;
    plan.columns = std::max(budget / (channels * unit_bytes), 2 * tile);
  } else {
    while (band_bytes(1, plan.columns) > budget && plan.columns > 2 * tile) plan.columns = ceil_div(plan.columns, 2);
    plan.flat = !layer.transposed && plan.columns == width && (axis[2].taps == 1 || (width < 10 && axis[2].taps <= 5));
    const std::int64_t one = band_bytes(1, plan.columns);
    const std::int64_t more = std::max<std::int64_t>(1, band_bytes(2, plan.columns) - one);
    plan.rows = std::clamp<std::int64_t>((budget - one) / more + 1, 1, height);
  }
  const auto divide = [&] {
    plan.bands_y = ceil_div(height, plan.rows);
    plan.rows = ceil_div(height, plan.bands_y);
    plan.bands_x = ceil_div(width, plan.columns);
    plan.columns = ceil_div(width, plan.bands_x);
    if (plan.pointwise && is_f32(kernel) && threads == 1) plan.columns = std::min(round_up(plan.columns, tile), width);
    plan.bands_x = ceil_div(width, plan.columns);
    plan.bands_y = ceil_div(height, plan.rows);
    return positions * plan.bands_y * plan.bands_x;
  };
  std::int64_t bands = divide();
  if (threads > 1 && is_f32(kernel)) {
    const double one = static_cast<double>(band_bytes(1, plan.columns));
    const double more = static_cast<double>(band_bytes(2, plan.columns)) - one;
    share(plan, {positions, height, width, work, plan.in_place ? 0.0 : one - more, plan.in_place ? 0.0 : more},
          threads);
    bands = divide();
  } else {
    const auto split_panels = [&] {
      if (layer.groups > 1) return;
      plan.panel_parts = std::min(plan.panels, ceil_div(wanted, bands));
      plan.panel_parts = ceil_div(plan.panels, part_panels(plan));
    };
    const auto split_bands = [&] {
      const std::int64_t needed = ceil_div(wanted, bands * plan.panel_parts);
      if (needed <= 1) return;
      if (plan.pointwise) {
        plan.columns = std::max(ceil_div(plan.columns, needed), tile);
      } else {
        plan.rows = std::max<std::int64_t>(1, plan.rows / needed);
      }
      bands = divide();
    };
    // Narrow activations are small beside their arithmetic: what counts is that a thread finds in its cache what it
    // wrote for the layer before, and that is the same part of the image. Weights that do not stay there decide
    // otherwise.
    const bool whole_panels = !is_f32(kernel) && kernel.packed_bytes <= l2 / 2;
    if (!whole_panels && (plan.in_place || taps >= 8)) {
      split_panels();
      split_bands();
    } else {
      split_bands();
      split_panels();
    }
  }
  plan.units[0] = bands * plan.panel_parts;
  const std::int64_t entries = channels * taps;
  plan.thread_scratch_bytes = band_offset(entries);
  if (!plan.in_place) {
    // Passes of fewer taps may still span more rows or columns than the widest one.
    std::int64_t band = 0;
    for (std::int64_t i = 0; i < passes_of(layer); ++i) {
      ConvAxis own[3];
      const std::int64_t r[3] = {i / plan.passes[2] / plan.passes[1], i / plan.passes[2] % plan.passes[1],
                                 i % plan.passes[2]};
      axes_of(plan, r, own);
      if (own[0].taps * own[1].taps * own[2].taps == 0) continue;
      band = std::max(band, band_shape(own, plan.rows, plan.columns, plan.flat).channel_pitch);
    }
    plan.thread_scratch_bytes += round_up(band * channels * unit_bytes, 64);
  }
}

void run(const ConvPlan& plan, const ConvBuffers& buffers, int /*phase*/, std::int64_t first, std::int64_t last,
         float* scratch) {
  const ConvKernel& kernel = plan.kernel;
  const ConvLayer& layer = kernel.layer;
  void (*const run_unit)(const DirectUnit&) = is_f32(kernel) ? kernels_of(kernel.isa).run : narrow_of(kernel).run;
  const PanelBounds bounds = panel_bounds(kernel);
  const auto* packed = static_cast<const float*>(buffers.packed);
  const auto volume = [](const std::int64_t* extents) { return extents[0] * extents[1] * extents[2]; };
  const std::int64_t in_image =
      volume(plan.shape.in) *
      (layer.input_layout == Layout::kPlain ? layer.in_channels : round_up(layer.in_channels, 16)) *
      element_bytes(layer.rounds_input ? ConvElement::kF32 : layer.input);
  const bool plain_output = layer.output_layout == Layout::kPlain;
  const std::int64_t out_image =
      volume(plan.shape.out) * (plain_output ? layer.out_channels : round_up(layer.out_channels, 16));
  const std::int64_t pass_total = passes_of(layer);

  DirectUnit unit{};
  unit.bias = packed;
  unit.scratch = scratch;
  unit.in_channels = layer.in_channels;
  unit.out_channels = layer.out_channels;
  unit.groups = layer.groups;
  unit.group_width = kernel.group_width;
  unit.in_place = plan.in_place;
  unit.flat = plan.flat;
  unit.width_step = width_step(kernel);
  unit.stream = stream_floats(kernel.packed_bytes);
  unit.woven = woven_width(layer);
  unit.pixel_words = pixel_words(kernel);
  unit.plain_input = is_plain(kernel);
  unit.plain_output = plain_output;
  unit.residual_after = layer.residual == Residual::kAfterActivation;
  unit.activation = layer.activation;
  unit.input_element = layer.rounds_input ? ConvElement::kF32 : layer.input;
  unit.output_element = layer.output;
  unit.residual_element = layer.residual_element;
  unit.plain_source = layer.input_layout == Layout::kPlain;
  unit.input_zero = layer.input_zero;
  unit.output_zero = layer.output_zero;
  unit.output_rate = 1.0F / layer.output_scale;
  unit.residual_zero = layer.residual_zero;
  unit.residual_scale = layer.residual_scale;
  unit.middle_step = layer.middle_step;
  if (is_integer(kernel)) {
    unit.scale = buffers.scale != nullptr ? buffers.scale : packed + bias_floats(kernel);
    unit.offset = packed + 2 * bias_floats(kernel);
    if (buffers.bias != nullptr) unit.bias = reinterpret_cast<const float*>(buffers.bias);
    if (const WideWords wide = wide_of(kernel); wide.floats > 0) {
      unit.wide_starts = reinterpret_cast<const std::int32_t*>(packed + wide.starts);
      unit.wide_steps = reinterpret_cast<const std::int32_t*>(packed + wide.steps);
      unit.wide_weights = packed + wide.weights;
    }
  }

  const std::int64_t channels = part_channels(plan);
  const std::int64_t per_part = part_panels(plan);
  std::int64_t depth = 1;
  if (!plan.pointwise) depth = widest_axis(plan, 0).outputs;
  std::int64_t previous = -1;
  std::int64_t pass_index = -1;
  Pass pass{};
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t band = u / plan.panel_parts;
    std::int64_t rest = band;
    const std::int64_t bx = rest % plan.bands_x;
    rest /= plan.bands_x;
    const std::int64_t by = rest % plan.bands_y;
    rest /= plan.bands_y;
    unit.z = rest % depth;
    rest /= depth;
    if (rest % pass_total != pass_index) {
      pass_index = rest % pass_total;
      pass = pass_of(kernel, bounds, pass_index);
    }
    const std::int64_t image = rest / pass_total;
    axes_of(plan, pass.residue, unit.axis);
    unit.y0 = by * plan.rows;
    unit.y1 = std::min(unit.y0 + plan.rows, unit.axis[1].outputs);
    unit.x0 = bx * plan.columns;
    unit.x1 = std::min(unit.x0 + plan.columns, unit.axis[2].outputs);
    if (unit.z >= unit.axis[0].outputs || unit.y0 >= unit.y1 || unit.x0 >= unit.x1) continue;
    unit.panel0 = u % plan.panel_parts * per_part;
    unit.panel1 = std::min(unit.panel0 + per_part, plan.panels);
    if (unit.panel0 >= unit.panel1) continue;
    unit.input = static_cast<const char*>(buffers.input) + image * in_image;
    unit.output = static_cast<char*>(buffers.output) + image * out_image * element_bytes(layer.output);
    unit.input_scale = layer.scaled_input ? buffers.input_scale + image * buffers.input_scale_stride : nullptr;
    unit.residual = nullptr;
    if (layer.residual != Residual::kNone) {
      unit.residual =
          static_cast<const char*>(buffers.residual) + image * out_image * element_bytes(layer.residual_element);
    }
    unit.weights = packed + pass.weights;
    unit.weight_stride = pass.stride;
    unit.entries = channels * (plan.in_place ? 1 : pass.taps);
    unit.keep_band = layer.groups == 1 && band == previous;
    previous = band;
    run_unit(unit);
  }
}

}  // namespace

std::int64_t conv_wide_words(const ConvLayer& layer, const ConvIntegerWeights& weights) {
  const std::int64_t each = layer.in_channels / layer.groups * layer.kernel[0] * layer.kernel[1] * layer.kernel[2];
  bool wide = false;
  for (std::int64_t i = 0; i < layer.out_channels * each; ++i) {
    const std::int64_t o = layer.transposed ? weight_output(layer, i) : i / each;
    const std::int32_t value = integer_weight(weights, o, i);
    const std::int32_t excess = value - nearest_byte(value);
    if (excess != nearest_byte(excess)) return -1;
    wide = wide || excess != 0;
  }
  if (!wide) return 0;
  if (layer.transposed) return -1;
  std::int64_t words = 0;
  const ConvKernel kernel = conv_kernel(layer, ConvAlgorithm::kDirect, Isa::kVnni);
  for (const std::vector<std::int32_t>& own : wide_steps(kernel, weights))
    words += static_cast<std::int64_t>(own.size());
  return words;
}

bool conv_sums_see_zero(const ConvKernel& kernel) {
  if (kernel.algorithm == ConvAlgorithm::kDepthwise) return depthwise_sums_see_zero(kernel);
  return kernel.algorithm == ConvAlgorithm::kDirect && is_integer(kernel) && channels_per_word(kernel) == 4;
}

const ConvSteps kDirectSteps = {size, pack_units, pack, plan, run, seconds};

}  // namespace oriel::kernels
