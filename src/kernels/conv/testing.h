// What the tests of convolution kernels share: a naive convolution in double, layouts, and a run by shuffled units.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "kernels/conv/conv.h"

namespace oriel::kernels::testing {

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};

/// Floats at a 64-byte boundary, filled with NaN so that a missing write or a read too far shows.
class Buffer {
 public:
  explicit Buffer(std::int64_t floats) : size_(floats) {
    const std::size_t bytes = (static_cast<std::size_t>(floats) * 4 + 127) / 64 * 64;
    data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    for (std::int64_t i = 0; i < floats; ++i) data_.get()[i] = std::numeric_limits<float>::quiet_NaN();
  }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }
  float& operator[](std::int64_t i) { return data_.get()[i]; }
  float operator[](std::int64_t i) const { return data_.get()[i]; }

 private:
  std::int64_t size_;
  std::unique_ptr<float, FreeDeleter> data_;
};

inline std::int64_t volume(const std::int64_t* extents) { return extents[0] * extents[1] * extents[2]; }

inline std::int64_t stored_channels(std::int64_t channels, Layout layout) {
  return layout == Layout::kPlain ? channels : (channels + 15) / 16 * 16;
}

/// Position of (n, c, point) for `channels` channels of `points` points each.
inline std::int64_t position(Layout layout, std::int64_t channels, std::int64_t points, std::int64_t n, std::int64_t c,
                             std::int64_t point) {
  if (layout == Layout::kPlain) return (n * channels + c) * points + point;
  const std::int64_t blocks = (channels + 15) / 16;
  return ((n * blocks + c / 16) * points + point) * 16 + c % 16;
}

/// A tensor [n][c][points] in one of the layouts, padded lanes zero.
inline Buffer to_layout(const std::vector<float>& plain, std::int64_t n, std::int64_t c, std::int64_t points,
                        Layout layout) {
  Buffer buffer(n * stored_channels(c, layout) * points);
  for (std::int64_t i = 0; i < buffer.size(); ++i) buffer[i] = 0.0F;
  for (std::int64_t b = 0; b < n; ++b) {
    for (std::int64_t k = 0; k < c; ++k) {
      for (std::int64_t p = 0; p < points; ++p)
        buffer[position(layout, c, points, b, k, p)] = plain[(b * c + k) * points + p];
    }
  }
  return buffer;
}

inline std::vector<float> random_values(std::int64_t count, double scale, std::mt19937_64& random) {
  std::normal_distribution<float> normal(0.0F, 1.0F);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = normal(random) * static_cast<float>(scale);
  return values;
}

inline double exact_activation(const Activation& f, double x) {
  const double a = f.a;
  const double b = f.b;
  switch (f.kind) {
    case ActivationKind::kNone:
      return x;
    case ActivationKind::kRelu:
      return std::max(x, 0.0);
    case ActivationKind::kClip:
      return std::min(std::max(x, a), b);
    case ActivationKind::kLeakyRelu:
      return x >= 0 ? x : a * x;
    case ActivationKind::kElu:
      return x >= 0 ? x : a * std::expm1(x);
    case ActivationKind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case ActivationKind::kTanh:
      return std::tanh(x);
    case ActivationKind::kSwish:
      return x / (1 + std::exp(-a * x));
    case ActivationKind::kHardSigmoid:
      return std::min(std::max(a * x + b, 0.0), 1.0);
    case ActivationKind::kHardSwish:
      return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0);
    case ActivationKind::kGeluErf:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case ActivationKind::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case ActivationKind::kSoftplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    case ActivationKind::kMish:
      return x * std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))));
    case ActivationKind::kAbs:
      return std::abs(x);
  }
  return x;
}

/// All data of one convolution, plain.
struct ConvCase {
  ConvLayer layer;
  ConvShape shape;
  std::vector<float> input, weights, bias, residual;  // bias and residual may be empty
  std::vector<float> input_scale;                     // of a scaled input: by channel, of every image or of all

  std::int64_t out_points() const { return volume(shape.out); }
};

inline ConvCase make_case(const ConvLayer& layer, const ConvShape& shape, bool bias, std::mt19937_64& random) {
  ConvCase c;
  c.layer = layer;
  c.shape = shape;
  const std::int64_t fan_in = layer.in_channels / layer.groups * volume(layer.kernel);
  c.input = random_values(shape.batch * layer.in_channels * volume(shape.in), 1.0, random);
  const std::int64_t weights = layer.transposed
                                   ? layer.in_channels * (layer.out_channels / layer.groups) * volume(layer.kernel)
                                   : layer.out_channels * fan_in;
  c.weights = random_values(weights, std::sqrt(2.0 / static_cast<double>(std::max<std::int64_t>(1, fan_in))), random);
  if (bias) c.bias = random_values(layer.out_channels, 0.5, random);
  if (layer.residual != Residual::kNone) {
    c.residual = random_values(shape.batch * layer.out_channels * c.out_points(), 1.0, random);
  }
  if (layer.scaled_input)
    c.input_scale = random_values((random() % 2 == 0 ? 1 : shape.batch) * layer.in_channels, 1.0, random);
  return c;
}

/// The layer's definition in double: [n][oc][points].
inline std::vector<double> exact_convolution(const ConvCase& c) {
  const ConvLayer& l = c.layer;
  const ConvShape& s = c.shape;
  const std::int64_t outs = l.out_channels / l.groups;
  const std::int64_t ins = l.in_channels / l.groups;
  const std::int64_t kernel = volume(l.kernel);
  const std::int64_t in_points = volume(s.in);
  const std::int64_t out_points = volume(s.out);
  std::vector<double> y(static_cast<std::size_t>(s.batch * l.out_channels * out_points));
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t o = 0; o < l.out_channels; ++o) {
      for (std::int64_t p = 0; p < out_points; ++p) {
        const std::int64_t out[3] = {p / s.out[2] / s.out[1], p / s.out[2] % s.out[1], p % s.out[2]};
        double sum = c.bias.empty() ? 0.0 : c.bias[o];
        for (std::int64_t k = 0; k < kernel; ++k) {
          const std::int64_t tap[3] = {k / l.kernel[2] / l.kernel[1], k / l.kernel[2] % l.kernel[1], k % l.kernel[2]};
          std::int64_t in[3];
          bool inside = true;
          for (int d = 0; d < 3 && inside; ++d) {
            if (l.transposed) {
              const std::int64_t distance = out[d] + s.pad[d] - tap[d] * l.dilation[d];
              in[d] = distance / l.stride[d];
              inside = distance >= 0 && distance % l.stride[d] == 0 && in[d] < s.in[d];
            } else {
              in[d] = out[d] * l.stride[d] - s.pad[d] + tap[d] * l.dilation[d];
              inside = in[d] >= 0 && in[d] < s.in[d];
            }
          }
          if (!inside) continue;
          const std::int64_t at = (in[0] * s.in[1] + in[1]) * s.in[2] + in[2];
          for (std::int64_t i = 0; i < ins; ++i) {
            const std::int64_t channel = o / outs * ins + i;
            const std::int64_t w = l.transposed ? (channel * outs + o % outs) * kernel + k : (o * ins + i) * kernel + k;
            const auto factor = static_cast<std::size_t>(n * l.in_channels + channel);
            const double scale = c.input_scale.empty() ? 1.0 : c.input_scale[factor % c.input_scale.size()];
            sum += static_cast<double>(c.weights[w]) * scale * c.input[(n * l.in_channels + channel) * in_points + at];
          }
        }
        const std::int64_t at = (n * l.out_channels + o) * out_points + p;
        if (l.residual == Residual::kBeforeActivation) sum += c.residual[at];
        sum = exact_activation(l.activation, sum);
        if (l.residual == Residual::kAfterActivation) sum += c.residual[at];
        y[at] = sum;
      }
    }
  }
  return y;
}

/// Runs the kernel with its units in random order and in random runs, now and then over the residual in place; the
/// output lies in the layer's layout.
inline Buffer run_convolution(const ConvCase& c, const ConvKernel& kernel, int threads, std::mt19937_64& random) {
  const ConvLayer& l = c.layer;
  const ConvShape& s = c.shape;
  Buffer packed(kernel.packed_bytes / 4);
  const std::int64_t pack_units = conv_pack_units(kernel);
  const std::int64_t half = pack_units / 2;
  // Packing writes every byte, whatever lay there.
  std::fill_n(packed.data(), kernel.packed_bytes / 4, std::numeric_limits<float>::quiet_NaN());
  const ConvWeights weights{c.weights.data(), c.bias.empty() ? nullptr : c.bias.data()};
  conv_pack(kernel, weights, packed.data(), half, pack_units);
  conv_pack(kernel, weights, packed.data(), 0, half);
  const ConvPlan plan = conv_plan(kernel, s, threads);
  const Buffer input = to_layout(c.input, s.batch, l.in_channels, volume(s.in), l.input_layout);
  Buffer residual(0);
  if (!c.residual.empty()) residual = to_layout(c.residual, s.batch, l.out_channels, c.out_points(), l.output_layout);
  Buffer output(s.batch * stored_channels(l.out_channels, l.output_layout) * c.out_points());
  Buffer shared(plan.shared_scratch_bytes / 4);
  ConvBuffers buffers;
  buffers.input = input.data();
  buffers.residual = c.residual.empty() ? nullptr : residual.data();
  if (!c.residual.empty() && random() % 2 == 0) {
    // In place.
    std::copy_n(residual.data(), output.size(), output.data());
    buffers.residual = output.data();
  }
  const std::int64_t scales = static_cast<std::int64_t>(c.input_scale.size()) / l.in_channels;
  const Buffer scale = to_layout(c.input_scale, scales, l.in_channels, 1, Layout::kBlocked);
  if (scales > 0) buffers.input_scale = scale.data();
  if (scales > 1) buffers.input_scale_stride = stored_channels(l.in_channels, Layout::kBlocked);
  buffers.output = output.data();
  buffers.packed = packed.data();
  buffers.shared_scratch = shared.data();
  for (int phase = 0; phase < plan.phases; ++phase) {
    std::vector<std::pair<std::int64_t, std::int64_t>> runs;
    for (std::int64_t u = 0; u < plan.units[phase];) {
      const std::int64_t n = std::min<std::int64_t>(plan.units[phase] - u, 1 + static_cast<std::int64_t>(random() % 3));
      runs.emplace_back(u, u + n);
      u += n;
    }
    std::shuffle(runs.begin(), runs.end(), random);
    Buffer scratch((plan.thread_scratch_bytes + 3) / 4);
    for (const auto& [first, last] : runs) conv_run(plan, buffers, phase, first, last, scratch.data());
  }
  return output;
}

/// Largest and rms error, both relative to the rms of the exact output; padded lanes that are not zero count as
/// infinite.
struct ConvError {
  double largest = 0.0;
  double rms = 0.0;
};

inline ConvError error_of(const ConvCase& c, const Buffer& output, const std::vector<double>& exact) {
  const std::int64_t stored = stored_channels(c.layer.out_channels, c.layer.output_layout);
  const std::int64_t points = c.out_points();
  double sum = 0.0;
  double squares = 0.0;
  ConvError e;
  for (std::int64_t n = 0; n < c.shape.batch; ++n) {
    for (std::int64_t o = 0; o < stored; ++o) {
      for (std::int64_t p = 0; p < points; ++p) {
        if (o >= c.layer.out_channels) {
          const std::int64_t blocks = stored / 16;
          if (output[((n * blocks + o / 16) * points + p) * 16 + o % 16] != 0.0F) e.largest = INFINITY;
          continue;
        }
        const double y = exact[(n * c.layer.out_channels + o) * points + p];
        const double d = output[position(c.layer.output_layout, c.layer.out_channels, points, n, o, p)] - y;
        if (std::isnan(d)) e.largest = INFINITY;
        e.largest = std::max(e.largest, std::abs(d));
        sum += d * d;
        squares += y * y;
      }
    }
  }
  const double count = std::max(1.0, static_cast<double>(exact.size()));
  const double scale = std::max(std::sqrt(squares / count), 0.05);
  e.largest /= scale;
  e.rms = std::sqrt(sum / count) / scale;
  return e;
}

/// scalar, avx2, avx512, ... up to what the processor has.
inline std::vector<Isa> f32_levels() {
  std::vector<Isa> levels;
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= hardware_isa()) levels.push_back(isa);
  }
  return levels;
}

}  // namespace oriel::kernels::testing
