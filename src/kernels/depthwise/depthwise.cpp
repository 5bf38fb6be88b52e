// Plans, packs and deals out depthwise convolutions: units are row bands of one channel block.
#include "kernels/depthwise/depthwise.h"

#include <algorithm>

#include "kernels/conv/algorithms.h"

namespace oriel::kernels {
namespace {

std::int64_t taps_of(const ConvLayer& layer) { return layer.kernel[0] * layer.kernel[1] * layer.kernel[2]; }

std::int64_t blocks_of(const ConvLayer& layer) { return ceil_div(layer.in_channels, kChannelBlock); }

void size(ConvKernel& kernel) {
  kernel.group_width = kChannelBlock;
  kernel.packed_bytes = blocks_of(kernel.layer) * (taps_of(kernel.layer) + 1) * kChannelBlock * 4;
}

std::int64_t pack_units(const ConvKernel& kernel) { return blocks_of(kernel.layer); }

/// Per block: bias [16], then weights [taps][16].
void pack(const ConvKernel& kernel, const ConvSource& source, float* packed, std::int64_t first, std::int64_t last) {
  const float* weights = source.weights;
  const float* bias = source.bias;
  const std::int64_t taps = taps_of(kernel.layer);
  for (std::int64_t b = first; b < last; ++b) {
    float* to = packed + b * (taps + 1) * kChannelBlock;
    for (std::int64_t l = 0; l < kChannelBlock; ++l) {
      const std::int64_t c = b * kChannelBlock + l;
      const bool real = c < kernel.layer.in_channels;
      to[l] = real && bias != nullptr ? bias[c] : 0.0F;
      for (std::int64_t k = 0; k < taps; ++k) to[(k + 1) * kChannelBlock + l] = real ? weights[c * taps + k] : 0.0F;
    }
  }
}

double seconds(const ConvKernel& kernel, const ConvShape& shape, int threads) {
  double values = static_cast<double>(shape.batch * blocks_of(kernel.layer)) * kChannelBlock;
  for (const std::int64_t extent : shape.out) values *= static_cast<double>(extent);
  const double compute = values * (2.0 * static_cast<double>(taps_of(kernel.layer)) / 0.7 + 6.0) / nominal_flops(kernel.isa);
  return compute / threads + 1e-6;
}

void plan(ConvPlan& plan, int threads) {
  const ConvShape& shape = plan.shape;
  const std::int64_t rows = shape.out[0] * shape.out[1];
  const std::int64_t blocks = shape.batch * blocks_of(plan.kernel.layer);
  if (rows * shape.out[2] * blocks == 0) return;
  const std::int64_t wanted = wanted_units(seconds(plan.kernel, shape, 1), threads);
  plan.rows = ceil_div(rows, std::min(rows, ceil_div(wanted, blocks)));
  plan.bands_y = ceil_div(rows, plan.rows);
  plan.units[0] = blocks * plan.bands_y;
}

void run(const ConvPlan& plan, const ConvBuffers& buffers, int /*phase*/, std::int64_t first, std::int64_t last,
         float* /*scratch*/) {
  const ConvLayer& layer = plan.kernel.layer;
  const Isa isa = plan.kernel.isa;
  const DepthwiseRun kernel = isa >= Isa::kAvx512 ? kDepthwiseAvx512 : isa == Isa::kAvx2 ? kDepthwiseAvx2 : kDepthwiseScalar;
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
  unit.activation = layer.activation;
  const std::int64_t blocks = blocks_of(layer);
  const std::int64_t rows = plan.shape.out[0] * plan.shape.out[1];
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t block = u / plan.bands_y;
    const std::int64_t channel = block % blocks * kChannelBlock;
    const float* packed = static_cast<const float*>(buffers.packed) + channel * (taps_of(layer) + 1);
    unit.bias = packed;
    unit.weights = packed + kChannelBlock;
    unit.input = static_cast<const float*>(buffers.input) + block * in_volume;
    unit.output = static_cast<float*>(buffers.output) + block * out_volume;
    unit.residual = nullptr;
    if (layer.residual != Residual::kNone) unit.residual = static_cast<const float*>(buffers.residual) + block * out_volume;
    unit.row0 = u % plan.bands_y * plan.rows;
    unit.row1 = std::min(unit.row0 + plan.rows, rows);
    const std::int64_t real = layer.in_channels - channel;
    unit.keep = real < kChannelBlock && !keeps_zero(layer.activation) ? real : kChannelBlock;
    if (unit.row0 < unit.row1) kernel(unit);
  }
}

}  // namespace

const ConvSteps kDepthwiseSteps = {size, pack_units, pack, plan, run, seconds};

}  // namespace oriel::kernels
