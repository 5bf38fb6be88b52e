// What every convolution algorithm offers to conv.cpp. Internal to conv/, depthwise/ and winograd/.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/conv/conv.h"

namespace oriel::kernels {

/// What is packed: f32 weights and bias, or those of an integer layer.
struct ConvSource {
  ConvWeights real;
  const ConvIntegerWeights* integer;
};

/// Weight i of output channel o, scaled. The weights may lie at any byte.
inline float scaled_weight(const ConvWeights& w, std::int64_t o, std::int64_t i) {
  float value;
  std::memcpy(&value, reinterpret_cast<const char*>(w.weights) + i * 4, 4);
  return w.scale == nullptr ? value : value * w.scale[o];
}

/// The steps of one algorithm, in the order of their use. All work on validated layers; `size` fills group_width and
/// packed_bytes, `plan` everything after the shape.
struct ConvSteps {
  void (*size)(ConvKernel& kernel);
  std::int64_t (*pack_units)(const ConvKernel& kernel);
  void (*pack)(const ConvKernel& kernel, const ConvSource& source, float* packed, std::int64_t first,
               std::int64_t last);
  void (*plan)(ConvPlan& plan, int threads);
  void (*run)(const ConvPlan& plan, const ConvBuffers& buffers, int phase, std::int64_t first, std::int64_t last,
              float* scratch);
  double (*seconds)(const ConvKernel& kernel, const ConvShape& shape, int threads);
};

extern const ConvSteps kDirectSteps;
extern const ConvSteps kDepthwiseSteps;
extern const ConvSteps kWinogradSteps;

/// conv_sums_see_zero of depthwise kernels.
bool depthwise_sums_see_zero(const ConvKernel& kernel);

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// The channels of a group, inputs as outputs, where f32 kernels weave the groups that share a block of 16: 2, 4 or 8;
/// 0 for other layers.
inline std::int64_t woven_width(const ConvLayer& layer) {
  const std::int64_t width = layer.in_channels / layer.groups;
  const bool blocks = layer.input == ConvElement::kF32 && layer.input_layout == Layout::kBlocked;
  const bool narrow = width == 2 || width == 4 || width == 8;
  return blocks && narrow && layer.groups > 1 && layer.in_channels == layer.out_channels ? width : 0;
}

/// The channel of a block of 16 that lane `lane` of woven groups of `width` channels holds (weave.inc).
inline std::int64_t woven_channel(Isa isa, std::int64_t width, std::int64_t lane) {
  const std::int64_t lanes = isa >= Isa::kAvx512 ? 16 : isa == Isa::kAvx2 ? 8 : 4;
  const std::int64_t groups = lanes > width ? lanes / width : 1;
  const std::int64_t p = lane % lanes;
  return lane - p + p % groups * (lanes / groups) + p / groups;
}

/// Nominal f32 operations per second of one core at a level.
inline double nominal_flops(Isa isa) { return isa >= Isa::kAvx2 ? 115e9 : 14e9; }

/// Seconds to read weights once for a run, if they are too large to stay in the second-level cache.
inline double stream_seconds(std::int64_t bytes) {
  const CacheSizes caches = cache_sizes();
  if (bytes <= caches.l2 / 2) return 0.0;
  return static_cast<double>(bytes) / (bytes <= caches.l3 / 2 ? 80e9 : 32e9);
}

/// Floats of weights that tiles bring ahead into the second-level cache: none where all of them stay there.
inline std::int64_t stream_floats(std::int64_t packed_bytes) {
  const std::int64_t l2 = cache_sizes().l2;
  return packed_bytes <= l2 / 2 ? 0 : l2 / 8 / 4;
}

/// Multiply-adds of the layer as written, times two.
double conv_flops(const ConvLayer& layer, const ConvShape& shape);

/// The most units worth having: chunks of about half a millisecond, and a few for each thread while they stay above
/// four microseconds.
std::int64_t wanted_units(double seconds, int threads);

}  // namespace oriel::kernels
