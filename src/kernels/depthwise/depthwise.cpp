// Plans, packs and deals out depthwise convolutions: units are one channel block of a row band. Integers have words
// of four taps where VNNI takes them. Other integers compute in f32 too, a band at a time: sums of up to 256 products
// of 8 bits are exact there.
#include "kernels/depthwise/depthwise.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv/algorithms.h"
#include "kernels/conv/direct.h"

namespace oriel::kernels {
namespace {

std::int64_t taps_of(const ConvLayer& layer) { return layer.kernel[0] * layer.kernel[1] * layer.kernel[2]; }

std::int64_t blocks_of(const ConvLayer& layer) { return ceil_div(layer.in_channels, kChannelBlock); }

bool is_integer(const ConvLayer& layer) { return layer.input == ConvElement::kU8 || layer.input == ConvElement::kS8; }

/// Whether bytes are multiplied as bytes: VNNI, signed weights, taps side by side.
bool by_bytes(const ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  return is_integer(layer) && kernel.isa >= Isa::kVnni && layer.wide_words == 0 && layer.dilation[2] == 1;
}

/// Words of four taps in a row of the kernel.
std::int64_t quads_of(const ConvLayer& layer) { return ceil_div(layer.kernel[2], 4); }

/// Vectors before a block's weights: the bias; for integers a zero bias (unless they are multiplied as bytes), the
/// integer bias, scale and offset.
std::int64_t headers_of(const ConvKernel& kernel) { return by_bytes(kernel) ? 3 : is_integer(kernel.layer) ? 4 : 1; }

std::int64_t block_floats(const ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  const std::int64_t weights = by_bytes(kernel) ? layer.kernel[1] * quads_of(layer) : taps_of(layer);
  return (weights + headers_of(kernel)) * kChannelBlock;
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

DepthwiseRun kernel_of(const ConvKernel& kernel) {
  const Isa isa = kernel.isa;
  if (kernel.layer.input == ConvElement::kBf16) return kDepthwiseBf16;
  if (isa >= Isa::kAvx512) return kDepthwiseAvx512;
  return isa == Isa::kAvx2 ? kDepthwiseAvx2 : kDepthwiseScalar;
}

/// The ends of an integer layer.
const NarrowKernels& ends_of(const ConvKernel& kernel) {
  if (kernel.isa >= Isa::kAvx512) return kInt16Avx512;
  return kernel.isa == Isa::kAvx2 ? kInt16Avx2 : kInt16Scalar;
}

void size(ConvKernel& kernel) {
  kernel.group_width = kChannelBlock;
  kernel.packed_bytes = blocks_of(kernel.layer) * block_floats(kernel) * 4;
}

std::int64_t pack_units(const ConvKernel& kernel) { return blocks_of(kernel.layer); }

float rounded_to_bf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const std::uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  bits = ((bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : rounded) & 0xffff0000;
  std::memcpy(&value, &bits, 4);
  return value;
}

std::int32_t integer_weight(const ConvIntegerWeights& w, std::int64_t c, std::int64_t i) {
  const std::int32_t value =
      w.is_signed ? static_cast<const std::int8_t*>(w.weights)[i] : static_cast<const std::uint8_t*>(w.weights)[i];
  return value - (w.zero == nullptr ? 0 : w.zero[w.zero_per_channel ? c : 0]);
}

/// Lane l of a block that is multiplied as bytes: bias, scale and offset, then words [ky][quad][16]. Inputs are not
/// less their zero point; the bias takes back what that adds.
void pack_bytes(const ConvLayer& layer, const ConvIntegerWeights& w, std::int64_t c, float* lane) {
  const std::int64_t seen_zero = layer.input_zero + (layer.input == ConvElement::kS8 ? 128 : 0);
  std::int64_t bias = w.bias != nullptr ? w.bias[c] : 0;
  auto* words = reinterpret_cast<unsigned char*>(lane + 3 * kChannelBlock);
  for (std::int64_t k = 0; k < taps_of(layer); ++k) {
    const std::int32_t value = integer_weight(w, c, c * taps_of(layer) + k);
    bias -= seen_zero * value;
    const std::int64_t x = k % layer.kernel[2];
    const std::int64_t word = k / layer.kernel[2] * quads_of(layer) + x / 4;
    words[word * kChannelBlock * 4 + x % 4] = static_cast<unsigned char>(value);
  }
  const auto wrapped = static_cast<std::uint32_t>(bias);
  std::memcpy(lane, &wrapped, 4);
  lane[kChannelBlock] = w.scale != nullptr ? w.scale[c] : 1.0F;
  lane[2 * kChannelBlock] = w.offset != nullptr ? w.offset[c] : 0.0F;
}

/// Per block: the headers [16] each, then weights [taps][16].
void pack(const ConvKernel& kernel, const ConvSource& source, float* packed, std::int64_t first, std::int64_t last) {
  const ConvLayer& layer = kernel.layer;
  const std::int64_t taps = taps_of(layer);
  const std::int64_t headers = headers_of(kernel);
  for (std::int64_t b = first; b < last; ++b) {
    float* to = packed + b * block_floats(kernel);
    std::fill_n(to, block_floats(kernel), 0.0F);
    for (std::int64_t l = 0; l < kChannelBlock && b * kChannelBlock + l < layer.in_channels; ++l) {
      const std::int64_t c = b * kChannelBlock + l;
      float* weights = to + headers * kChannelBlock + l;
      if (!is_integer(layer)) {
        if (source.real.bias != nullptr) to[l] = source.real.bias[c];
        for (std::int64_t k = 0; k < taps; ++k) {
          const float w = scaled_weight(source.real, c, c * taps + k);
          weights[k * kChannelBlock] = layer.input == ConvElement::kBf16 ? rounded_to_bf16(w) : w;
        }
        continue;
      }
      const ConvIntegerWeights& w = *source.integer;
      if (by_bytes(kernel)) {
        pack_bytes(layer, w, c, to + l);
        continue;
      }
      const std::int32_t bias = w.bias != nullptr ? w.bias[c] : 0;
      std::memcpy(to + kChannelBlock + l, &bias, 4);
      to[2 * kChannelBlock + l] = w.scale != nullptr ? w.scale[c] : 1.0F;
      to[3 * kChannelBlock + l] = w.offset != nullptr ? w.offset[c] : 0.0F;
      for (std::int64_t k = 0; k < taps; ++k)
        weights[k * kChannelBlock] = static_cast<float>(integer_weight(w, c, c * taps + k));
    }
  }
}

double seconds(const ConvKernel& kernel, const ConvShape& shape, int threads) {
  double values = static_cast<double>(shape.batch * blocks_of(kernel.layer)) * kChannelBlock;
  for (const std::int64_t extent : shape.out) values *= static_cast<double>(extent);
  const double compute =
      values * (2.0 * static_cast<double>(taps_of(kernel.layer)) / 0.7 + 6.0) / nominal_flops(kernel.isa);
  const double factor = !is_integer(kernel.layer) ? 1.0 : by_bytes(kernel) ? 0.6 : 1.5;
  return compute * factor / threads + 1e-6;
}

/// Input rows that `rows` output rows read at most.
std::int64_t input_rows(const ConvLayer& layer, std::int64_t rows) {
  return (rows - 1) * layer.stride[1] + (layer.kernel[1] - 1) * layer.dilation[1] + 1;
}

/// Columns of the band of a layer that is multiplied as bytes: all that words of taps and tiles of four pixels read.
std::int64_t band_columns(const ConvLayer& layer, const ConvShape& shape) {
  return (round_up(shape.out[2], 4) - 1) * layer.stride[2] + quads_of(layer) * 4;
}

std::int64_t band_bytes(const ConvLayer& layer, const ConvShape& shape, std::int64_t rows) {
  return round_up(input_rows(layer, rows) * band_columns(layer, shape) * kChannelBlock, 64);
}

/// Bands of output rows of one plane, small enough that input and output rows stay cached as floats.
void plan_narrow(ConvPlan& plan, std::int64_t wanted) {
  const ConvLayer& layer = plan.kernel.layer;
  const ConvShape& shape = plan.shape;
  const std::int64_t planes = shape.batch * blocks_of(layer) * shape.out[0];
  const bool narrow = by_bytes(plan.kernel);
  const auto bytes = [&](std::int64_t rows) {
    if (narrow) return band_bytes(layer, shape, rows) + rows * shape.out[2] * kChannelBlock * 4;
    return (std::min(input_rows(layer, rows), shape.in[1]) * shape.in[2] + rows * shape.out[2]) * kChannelBlock * 4;
  };
  plan.rows = ceil_div(shape.out[1], std::min(shape.out[1], ceil_div(wanted, planes)));
  while (plan.rows > 1 && bytes(plan.rows) > cache_sizes().l2 / 4) plan.rows = ceil_div(plan.rows, 2);
  plan.bands_y = ceil_div(shape.out[1], plan.rows);
  plan.units[0] = planes * plan.bands_y;
  plan.thread_scratch_bytes = bytes(plan.rows);
}

void plan(ConvPlan& plan, int threads) {
  const ConvShape& shape = plan.shape;
  const std::int64_t rows = shape.out[0] * shape.out[1];
  const std::int64_t blocks = shape.batch * blocks_of(plan.kernel.layer);
  if (rows * shape.out[2] * blocks == 0) return;
  const std::int64_t wanted = wanted_units(seconds(plan.kernel, shape, 1), threads);
  if (is_integer(plan.kernel.layer)) return plan_narrow(plan, wanted);
  std::int64_t bands = ceil_div(wanted, blocks);
  // Every thread begins with a part of the image, as in the layers around.
  if (threads > 1 && wanted > 1) bands = round_up(bands, threads);
  plan.rows = ceil_div(rows, std::min(rows, bands));
  plan.bands_y = ceil_div(rows, plan.rows);
  plan.units[0] = blocks * plan.bands_y;
}

/// What the ends of an integer layer share.
DirectUnit end_of(const ConvLayer& layer, const ConvBuffers& buffers) {
  DirectUnit end{};
  end.output = buffers.output;
  end.residual = layer.residual == Residual::kNone ? nullptr : buffers.residual;
  end.residual_after = layer.residual == Residual::kAfterActivation;
  end.activation = layer.activation;
  end.output_element = layer.output;
  end.residual_element = layer.residual_element;
  end.output_zero = layer.output_zero;
  end.residual_zero = layer.residual_zero;
  end.output_rate = 1.0F / layer.output_scale;
  end.residual_scale = layer.residual_scale;
  end.middle_step = layer.middle_step;
  return end;
}

void run_bytes(const ConvPlan& plan, const ConvBuffers& buffers, std::int64_t first, std::int64_t last,
               float* scratch) {
  const ConvLayer& layer = plan.kernel.layer;
  const ConvShape& shape = plan.shape;
  const std::int64_t blocks = blocks_of(layer);
  const std::int64_t in_plane = shape.in[1] * shape.in[2];
  const std::int64_t out_plane = shape.out[1] * shape.out[2];
  DepthwiseBytesUnit unit{};
  unit.input_flip = layer.input == ConvElement::kS8 ? 0x80 : 0;
  unit.outside = static_cast<std::uint8_t>(static_cast<std::uint8_t>(layer.input_zero) ^ unit.input_flip);
  unit.in_width = shape.in[2];
  unit.pad_left = shape.pad[2];
  unit.band_width = band_columns(layer, shape);
  unit.taps = layer.kernel[1];
  unit.quads = quads_of(layer);
  unit.stride_y = layer.stride[1];
  unit.stride_x = layer.stride[2];
  unit.dilation_y = layer.dilation[1];
  unit.width = shape.out[2];
  unit.band = reinterpret_cast<std::uint8_t*>(scratch);
  unit.sums = reinterpret_cast<std::int32_t*>(unit.band + band_bytes(layer, shape, plan.rows));
  unit.end = end_of(layer, buffers);
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t plane = u / plan.bands_y;
    const std::int64_t z = plane % shape.out[0];
    const std::int64_t block = plane / shape.out[0];
    const std::int64_t channel = block % blocks * kChannelBlock;
    const std::int64_t row0 = u % plan.bands_y * plan.rows;
    unit.rows = std::min(plan.rows, shape.out[1] - row0);
    if (unit.rows <= 0) continue;
    const std::int64_t iz = z - shape.pad[0];
    const bool inside = iz >= 0 && iz < shape.in[0];
    unit.in_rows = inside ? shape.in[1] : 0;
    unit.input = static_cast<const std::uint8_t*>(buffers.input) +
                 (block * shape.in[0] + (inside ? iz : 0)) * in_plane * kChannelBlock;
    unit.first_row = row0 * layer.stride[1] - shape.pad[1];
    unit.band_rows = input_rows(layer, unit.rows);
    const float* packed = static_cast<const float*>(buffers.packed) + block % blocks * block_floats(plan.kernel);
    unit.bias = buffers.bias != nullptr ? buffers.bias + channel : reinterpret_cast<const std::int32_t*>(packed);
    unit.end.scale = buffers.scale != nullptr ? buffers.scale + channel : packed + kChannelBlock;
    unit.end.offset = packed + 2 * kChannelBlock;
    unit.weights = reinterpret_cast<const std::uint32_t*>(packed + 3 * kChannelBlock);
    unit.end.out_channels = std::min(kChannelBlock, layer.in_channels - channel);
    unit.to = (plane * out_plane + row0 * shape.out[2]) * kChannelBlock;
    if (kDepthwiseVnni(unit)) continue;
    Destination d;
    d.channel = 0;
    d.pixels = unit.rows * shape.out[2];
    d.to = unit.to;
    d.stride = kChannelBlock;
    d.keep = unit.end.out_channels;
    ends_of(plan.kernel).finish(unit.end, reinterpret_cast<const float*>(unit.sums), d);
  }
}

void run_narrow(const ConvPlan& plan, const ConvBuffers& buffers, std::int64_t first, std::int64_t last,
                float* scratch) {
  const ConvLayer& layer = plan.kernel.layer;
  const ConvShape& shape = plan.shape;
  const DepthwiseRun kernel = kernel_of(plan.kernel);
  const NarrowKernels& ends = ends_of(plan.kernel);
  const std::int64_t blocks = blocks_of(layer);
  const std::int64_t in_plane = shape.in[1] * shape.in[2];
  const std::int64_t out_plane = shape.out[1] * shape.out[2];
  DepthwiseUnit unit{};
  for (int d = 0; d < 3; ++d) {
    unit.in[d] = d == 0 ? 1 : shape.in[d];
    unit.out[d] = d == 0 ? 1 : shape.out[d];
    unit.pad[d] = d == 0 ? 0 : shape.pad[d];
    unit.kernel[d] = layer.kernel[d];
    unit.stride[d] = layer.stride[d];
    unit.dilation[d] = layer.dilation[d];
  }
  unit.row0 = 0;
  unit.keep = kChannelBlock;
  DirectUnit end = end_of(layer, buffers);
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t plane = u / plan.bands_y;
    const std::int64_t z = plane % shape.out[0];
    const std::int64_t block = plane / shape.out[0];
    const std::int64_t channel = block % blocks * kChannelBlock;
    const std::int64_t row0 = u % plan.bands_y * plan.rows;
    const std::int64_t rows = std::min(plan.rows, shape.out[1] - row0);
    if (rows <= 0) continue;
    const float* packed = static_cast<const float*>(buffers.packed) + block % blocks * block_floats(plan.kernel);
    const std::int64_t top = row0 * layer.stride[1] - shape.pad[1];
    const std::int64_t iz = z - shape.pad[0];
    std::int64_t begin = std::clamp<std::int64_t>(top, 0, shape.in[1]);
    std::int64_t end_row = std::clamp<std::int64_t>(top + input_rows(layer, rows), begin, shape.in[1]);
    if (iz < 0 || iz >= shape.in[0]) begin = end_row = 0;
    const std::int64_t from =
        ((block * shape.in[0] + (begin == end_row ? 0 : iz)) * in_plane + begin * shape.in[2]) * kChannelBlock;
    ends.widen(static_cast<const char*>(buffers.input) + from * element_bytes(layer.input), layer.input,
               layer.input_zero, scratch, (end_row - begin) * shape.in[2] * kChannelBlock);
    float* sums = scratch + (end_row - begin) * shape.in[2] * kChannelBlock;
    unit.in[1] = end_row - begin;
    unit.pad[1] = begin - top;
    unit.out[1] = rows;
    unit.row1 = rows;
    unit.input = scratch;
    unit.output = sums;
    unit.bias = packed;
    unit.weights = packed + headers_of(plan.kernel) * kChannelBlock;
    kernel(unit);
    const std::int64_t pixels = rows * shape.out[2];
    end.scale = buffers.scale != nullptr ? buffers.scale + channel : packed + 2 * kChannelBlock;
    end.offset = packed + 3 * kChannelBlock;
    Destination d;
    d.channel = 0;
    d.pixels = pixels;
    d.to = (plane * out_plane + row0 * shape.out[2]) * kChannelBlock;
    d.stride = kChannelBlock;
    d.keep = std::min(kChannelBlock, layer.in_channels - channel);
    ends.finish_floats(end, sums, packed + kChannelBlock, d);
  }
}

void run(const ConvPlan& plan, const ConvBuffers& buffers, int /*phase*/, std::int64_t first, std::int64_t last,
         float* scratch) {
  const ConvLayer& layer = plan.kernel.layer;
  if (by_bytes(plan.kernel)) return run_bytes(plan, buffers, first, last, scratch);
  if (is_integer(layer)) return run_narrow(plan, buffers, first, last, scratch);
  const DepthwiseRun kernel = kernel_of(plan.kernel);
  DepthwiseUnit unit{};
  std::int64_t in_volume = kChannelBlock;
  std::int64_t out_volume = kChannelBlock;
  for (int d = 0; d < 3; ++d) {
    unit.in[d] = plan.shape.in[d];
    unit.out[d] = plan.shape.out[d];
    unit.pad[d] = plan.shape.pad[d];
    unit.kernel[d] = layer.kernel[d];
    unit.stride[d] = layer.stride[d];
    unit.dilation[d] = layer.dilation[d];
    in_volume *= unit.in[d];
    out_volume *= unit.out[d];
  }
  unit.residual_after = layer.residual == Residual::kAfterActivation;
  unit.narrow_output = layer.output == ConvElement::kBf16;
  unit.narrow_residual = layer.residual_element == ConvElement::kBf16;
  unit.activation = layer.activation;
  const std::int64_t blocks = blocks_of(layer);
  const std::int64_t rows = plan.shape.out[0] * plan.shape.out[1];
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t band = u / blocks % plan.bands_y;
    const std::int64_t block = u / blocks / plan.bands_y * blocks + u % blocks;
    const std::int64_t channel = u % blocks * kChannelBlock;
    const float* packed = static_cast<const float*>(buffers.packed) + u % blocks * block_floats(plan.kernel);
    unit.bias = packed;
    unit.weights = packed + kChannelBlock;
    unit.input = static_cast<const char*>(buffers.input) + block * in_volume * element_bytes(layer.input);
    unit.output = static_cast<char*>(buffers.output) + block * out_volume * element_bytes(layer.output);
    unit.residual = nullptr;
    if (layer.residual != Residual::kNone) {
      unit.residual =
          static_cast<const char*>(buffers.residual) + block * out_volume * element_bytes(layer.residual_element);
    }
    unit.row0 = band * plan.rows;
    unit.row1 = std::min(unit.row0 + plan.rows, rows);
    const std::int64_t real = layer.in_channels - channel;
    unit.keep = real < kChannelBlock && !keeps_zero(layer.activation) ? real : kChannelBlock;
    if (unit.row0 < unit.row1) kernel(unit);
  }
}

}  // namespace

bool depthwise_sums_see_zero(const ConvKernel& kernel) { return by_bytes(kernel); }

const ConvSteps kDepthwiseSteps = {size, pack_units, pack, plan, run, seconds};

}  // namespace oriel::kernels
