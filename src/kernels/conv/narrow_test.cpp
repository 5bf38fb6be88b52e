// Integer and bf16 convolutions at every level: sums exactly, outputs to the last step, against naive loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "kernels/conv/testing.h"

namespace oriel::kernels::testing {
namespace {

std::int64_t pick(std::mt19937_64& random, std::initializer_list<std::int64_t> values) {
  return values.begin()[random() % values.size()];
}

std::int64_t bytes_of(ConvElement e) {
  return e == ConvElement::kBf16 ? 2 : e == ConvElement::kU8 || e == ConvElement::kS8 ? 1 : 4;
}

/// Untyped memory at a 64-byte boundary.
class Bytes {
 public:
  explicit Bytes(std::int64_t count, int fill = 0x7b) : buffer_((count + 3) / 4 + 16) {
    std::memset(buffer_.data(), fill, static_cast<std::size_t>((count + 3) / 4 + 16) * 4);
  }
  void* data() { return buffer_.data(); }
  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(buffer_.data());
  }

 private:
  Buffer buffer_;
};

std::uint16_t to_bf16(float x) {
  const auto u = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

float from_bf16(std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

double read(const void* p, ConvElement e, std::int64_t i) {
  switch (e) {
    case ConvElement::kF32:
      return static_cast<const float*>(p)[i];
    case ConvElement::kBf16:
      return from_bf16(static_cast<const std::uint16_t*>(p)[i]);
    case ConvElement::kU8:
      return static_cast<const std::uint8_t*>(p)[i];
    case ConvElement::kS8:
      return static_cast<const std::int8_t*>(p)[i];
    case ConvElement::kS32:
      return static_cast<const std::int32_t*>(p)[i];
  }
  return 0.0;
}

void write(void* p, ConvElement e, std::int64_t i, double v) {
  switch (e) {
    case ConvElement::kF32:
      static_cast<float*>(p)[i] = static_cast<float>(v);
      return;
    case ConvElement::kBf16:
      static_cast<std::uint16_t*>(p)[i] = to_bf16(static_cast<float>(v));
      return;
    case ConvElement::kU8:
      static_cast<std::uint8_t*>(p)[i] = static_cast<std::uint8_t>(v);
      return;
    case ConvElement::kS8:
      static_cast<std::int8_t*>(p)[i] = static_cast<std::int8_t>(v);
      return;
    case ConvElement::kS32:
      static_cast<std::int32_t*>(p)[i] = static_cast<std::int32_t>(v);
      return;
  }
}

/// Geometry alone, for integer and bf16 layers alike.
ConvLayer random_layer(std::mt19937_64& random) {
  ConvLayer l;
  const std::int64_t kind = static_cast<std::int64_t>(random() % 4);
  if (kind == 0) {
    l.in_channels = l.out_channels = l.groups = pick(random, {3, 16, 24, 40});
  } else if (kind == 1) {
    l.groups = pick(random, {2, 3, 16, 20});
    l.in_channels = l.groups * pick(random, {1, 2, 4, 16});
    l.out_channels = l.groups * pick(random, {1, 2, 8, 16, 32});
  } else {
    l.in_channels = pick(random, {1, 3, 4, 7, 16, 18, 32, 45, 64});
    l.out_channels = pick(random, {1, 5, 16, 17, 32, 40, 64});
  }
  for (int d = 1; d < 3; ++d) {
    l.kernel[d] = pick(random, {1, 1, 2, 3, 3, 5});
    l.stride[d] = pick(random, {1, 1, 2, 3});
    l.dilation[d] = pick(random, {1, 1, 2});
  }
  if (random() % 4 == 0) {
    l.kernel[1] = l.kernel[2] = l.stride[1] = l.stride[2] = 1;
  }
  l.transposed = kind != 0 && random() % 5 == 0;
  l.input_layout = kind != 0 && random() % 5 == 0 ? Layout::kPlain : Layout::kBlocked;
  return l;
}

ConvShape random_shape(const ConvLayer& l, std::mt19937_64& random) {
  ConvShape s;
  s.batch = pick(random, {1, 1, 2});
  const bool padded = l.kernel[1] > 1 || random() % 2 == 0;
  for (int d = 1; d < 3; ++d) {
    s.in[d] = pick(random, {1, 3, 7, 9, 14, 20});
    s.pad[d] = padded ? pick(random, {0, 1, 2}) : 0;
    const std::int64_t reach = (l.kernel[d] - 1) * l.dilation[d] + 1;
    s.out[d] = std::max<std::int64_t>(1, l.transposed ? (s.in[d] - 1) * l.stride[d] + reach - 2 * s.pad[d]
                                                      : (s.in[d] + 2 * s.pad[d] - reach) / l.stride[d] + 1);
  }
  return s;
}

/// Inputs and weights as the doubles that they stand for; the sums are exact for small integers.
ConvCase value_case(const ConvLayer& layer, const ConvShape& shape, std::mt19937_64& random) {
  ConvLayer sums = layer;
  sums.residual = Residual::kNone;
  sums.activation = {};
  return make_case(sums, shape, false, random);
}

/// Runs every unit; `packed` is filled.
void run_all(const ConvKernel& kernel, const ConvShape& shape, ConvBuffers buffers, std::mt19937_64& random) {
  const ConvPlan plan = conv_plan(kernel, shape, 1 + static_cast<int>(random() % 5));
  Bytes scratch(plan.thread_scratch_bytes, 0xff);
  Bytes shared(plan.shared_scratch_bytes, 0xff);
  buffers.shared_scratch = shared.data();
  for (int phase = 0; phase < plan.phases; ++phase) {
    for (std::int64_t u = plan.units[phase] - 1; u >= 0; --u) conv_run(plan, buffers, phase, u, u + 1, scratch.data());
  }
}

std::vector<Isa> all_levels() {
  std::vector<Isa> levels = f32_levels();
  for (const Isa isa : {Isa::kVnni, Isa::kBf16}) {
    if (isa <= hardware_isa()) levels.push_back(isa);
  }
  return levels;
}

/// Every algorithm that accepts the layer, at every level.
std::vector<ConvKernel> kernels_of(const ConvLayer& layer, const std::vector<Isa>& levels) {
  std::vector<ConvKernel> kernels;
  for (const ConvAlgorithm algorithm : {ConvAlgorithm::kDirect, ConvAlgorithm::kDepthwise, ConvAlgorithm::kWinograd2}) {
    for (const Isa isa : levels) {
      if (conv_decline(layer, algorithm, isa).empty()) kernels.push_back(conv_kernel(layer, algorithm, isa));
    }
  }
  return kernels;
}

TEST(NarrowConvolution, IntegersAreExact) {
  std::mt19937_64 random(1);
  int counts[3] = {};  // layers whose weights are too wide for words, bytes, bytes but for some
  for (int round = 0; round < 250; ++round) {
    ConvLayer layer = random_layer(random);
    layer.input = random() % 2 == 0 ? ConvElement::kU8 : ConvElement::kS8;
    layer.output =
        std::initializer_list<ConvElement>{ConvElement::kS32, ConvElement::kU8, ConvElement::kS8, ConvElement::kF32}
            .begin()[random() % 4];
    const bool input_signed = layer.input == ConvElement::kS8;
    layer.input_zero =
        input_signed ? static_cast<std::int32_t>(random() % 256) - 128 : static_cast<std::int32_t>(random() % 256);
    if (layer.output != ConvElement::kS32) {
      layer.residual = static_cast<Residual>(random() % 3);
      layer.residual_element = std::initializer_list<ConvElement>{ConvElement::kU8, ConvElement::kS8, ConvElement::kF32}
                                   .begin()[random() % 3];
      layer.residual_scale = 0.125F;
      layer.residual_zero = 3;
      layer.output_scale = 0.25F;
      layer.output_zero = layer.output == ConvElement::kU8 ? 100 : -5;
      if (random() % 2 == 0)
        layer.activation = {random() % 2 == 0 ? ActivationKind::kRelu : ActivationKind::kClip, -3.3F, 17.1F};
      if (layer.residual == Residual::kAfterActivation && random() % 2 == 0) layer.middle_step = 0.75F;
    }
    const ConvShape shape = random_shape(layer, random);
    ConvCase c = value_case(layer, shape, random);
    // Extreme weights and inputs, so that products of pairs leave 16 bits; zero points of weights now and then.
    ConvIntegerWeights w;
    w.is_signed = random() % 2 == 0;
    const bool wide = random() % 4 == 0;
    std::vector<std::int32_t> zeros(static_cast<std::size_t>(layer.out_channels));
    for (std::int32_t& z : zeros)
      z = wide ? static_cast<std::int32_t>(random() % 100) - (w.is_signed ? 50 : 0) : w.is_signed ? 0 : 128;
    w.zero = zeros.data();
    w.zero_per_channel = true;
    // Few or many of them beyond a byte.
    const std::uint64_t rare = wide && random() % 2 == 0 ? 50 : 3;
    std::vector<std::uint8_t> weights(c.weights.size());
    const std::int64_t outs = layer.out_channels / layer.groups;
    const std::int64_t volume_k = volume(layer.kernel);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const auto index = static_cast<std::int64_t>(i);
      const std::int64_t in_first = layer.in_channels / layer.groups * volume_k;
      const std::int64_t o = layer.transposed ? index / volume_k / outs / (layer.in_channels / layer.groups) * outs +
                                                    index / volume_k % outs
                                              : index / in_first;
      weights[i] = static_cast<std::uint8_t>(random() % rare == 0 ? 127 + random() % 2
                                             : rare > 3           ? static_cast<std::uint64_t>(zeros[o]) + random() % 9
                                                                  : random());
      const std::int32_t stored = w.is_signed ? static_cast<std::int8_t>(weights[i]) : weights[i];
      c.weights[i] = static_cast<float>(stored - zeros[o]);
    }
    w.weights = weights.data();
    layer.wide_words = conv_wide_words(layer, w);
    counts[layer.wide_words < 0 ? 0 : layer.wide_words == 0 ? 1 : 2] += 1;
    std::vector<std::uint8_t> input(c.input.size());
    for (std::size_t i = 0; i < input.size(); ++i) {
      input[i] = static_cast<std::uint8_t>(random() % 4 == 0 ? 255 : random());
      c.input[i] =
          static_cast<float>((input_signed ? static_cast<std::int8_t>(input[i]) : input[i]) - layer.input_zero);
    }
    std::vector<std::int32_t> bias(static_cast<std::size_t>(layer.out_channels));
    std::vector<float> scale(bias.size());
    std::vector<float> offset(bias.size());
    for (std::size_t i = 0; i < bias.size(); ++i) {
      bias[i] = static_cast<std::int32_t>(random() % 2000) - 1000;
      scale[i] = 1.0F / static_cast<float>(1 << (4 + random() % 8)) * 1.37F;
      offset[i] = static_cast<float>(random() % 64) / 16.0F - 2.0F;
    }
    w.bias = bias.data();
    w.scale = scale.data();
    w.offset = offset.data();
    const std::vector<double> sums = exact_convolution(c);

    const std::int64_t in_points = volume(shape.in);
    const std::int64_t out_points = volume(shape.out);
    Bytes stored_input(shape.batch * stored_channels(layer.in_channels, layer.input_layout) * in_points, 0);
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(input.size()); ++i) {
      const std::int64_t n = i / in_points / layer.in_channels;
      stored_input.as<std::uint8_t>()[position(layer.input_layout, layer.in_channels, in_points, n,
                                               i / in_points % layer.in_channels, i % in_points)] = input[i];
    }
    const std::int64_t out_size = shape.batch * stored_channels(layer.out_channels, Layout::kBlocked) * out_points;
    Bytes residual(out_size * 4, 0);
    for (std::int64_t i = 0; i < out_size; ++i) {
      write(residual.data(), layer.residual_element, i, static_cast<double>(random() % 100));
    }
    for (const ConvKernel& kernel : kernels_of(layer, all_levels())) {
      const std::string isa_text =
          std::string(isa_name(kernel.isa)) + " " + std::string(conv_algorithm_name(kernel.algorithm));
      Bytes packed(kernel.packed_bytes);
      conv_pack(kernel, w, packed.data(), 0, conv_pack_units(kernel));
      Bytes output(out_size * bytes_of(layer.output));
      ConvBuffers buffers;
      buffers.input = stored_input.data();
      buffers.residual = residual.data();
      buffers.output = output.data();
      buffers.packed = packed.data();
      run_all(kernel, shape, buffers, random);
      for (std::int64_t n = 0; n < shape.batch; ++n) {
        for (std::int64_t o = 0; o < stored_channels(layer.out_channels, Layout::kBlocked); ++o) {
          for (std::int64_t p = 0; p < out_points; ++p) {
            const std::int64_t at = position(Layout::kBlocked, layer.out_channels, out_points, n, o, p);
            const double got = read(output.data(), layer.output, at);
            if (o >= layer.out_channels) {
              ASSERT_EQ(got, 0.0);
              continue;
            }
            const double sum = sums[(n * layer.out_channels + o) * out_points + p] + bias[o];
            if (layer.output == ConvElement::kS32) {
              ASSERT_EQ(got, sum) << isa_text << " round " << round;
              continue;
            }
            double addend = read(residual.data(), layer.residual_element, at);
            if (layer.residual_element != ConvElement::kF32) addend = (addend - 3) * 0.125;
            double y = sum * scale[o] + offset[o];
            if (layer.residual == Residual::kBeforeActivation) y += addend;
            y = exact_activation(layer.activation, y);
            if (layer.middle_step > 0.0F) {
              const double steps = y / layer.middle_step;
              // Next to a tie either neighbour may come out.
              if (std::abs(std::abs(steps - std::floor(steps)) - 0.5) < 1e-3) continue;
              y = std::nearbyint(steps) * layer.middle_step;
            }
            if (layer.residual == Residual::kAfterActivation) y += addend;
            if (layer.output == ConvElement::kF32) {
              ASSERT_NEAR(got, y, 1e-6 * (std::abs(sum * scale[o]) + 64)) << isa_text << " round " << round;
              continue;
            }
            const double low = layer.output == ConvElement::kU8 ? 0 : -128;
            const double exact = std::clamp(y / 0.25 + layer.output_zero, low, low + 255);
            ASSERT_NEAR(got, exact, 0.5 + 2e-6 * (std::abs(sum * scale[o]) + 64) * 4) << isa_text << " round " << round;
          }
        }
      }
    }
  }
  for (const int count : counts) EXPECT_GT(count, 5);
}

/// What QLinearConv asks for: acc * multiplier in f32, to the nearest even, no offset.
TEST(NarrowConvolution, RequantisationRoundsToNearestEven) {
  std::mt19937_64 random(2);
  ConvLayer layer;
  layer.in_channels = 1;
  layer.out_channels = 16;
  layer.input = ConvElement::kU8;
  layer.output = ConvElement::kS8;
  layer.output_zero = 1;
  ConvShape shape;
  shape.in[2] = shape.out[2] = 256;
  std::vector<std::int8_t> weights(16, 1);
  std::vector<float> scale(16, 0.5F);
  std::vector<std::int32_t> bias(16, -100);
  ConvIntegerWeights w;
  w.weights = weights.data();
  w.scale = scale.data();
  w.bias = bias.data();
  Bytes input(256 * 16, 0);
  for (int i = 0; i < 256; ++i) input.as<std::uint8_t>()[i * 16] = static_cast<std::uint8_t>(i);
  for (const Isa isa : all_levels()) {
    const ConvKernel kernel = conv_kernel(layer, ConvAlgorithm::kDirect, isa);
    Bytes packed(kernel.packed_bytes);
    conv_pack(kernel, w, packed.data(), 0, conv_pack_units(kernel));
    Bytes output(256 * 16);
    ConvBuffers buffers;
    buffers.input = input.data();
    buffers.output = output.data();
    buffers.packed = packed.data();
    run_all(kernel, shape, buffers, random);
    for (int i = 0; i < 256; ++i) {
      const float want = std::clamp(std::nearbyint(static_cast<float>(i - 100) * 0.5F) + 1.0F, -128.0F, 127.0F);
      ASSERT_EQ(output.as<std::int8_t>()[i * 16 + 3], static_cast<std::int8_t>(want)) << i << " " << isa_name(isa);
    }
  }
}

/// A 3x3 layer of stride 1 with the rest of another's choices.
ConvLayer winograd_layer(ConvLayer l, std::mt19937_64& random) {
  l.transposed = false;
  l.input_layout = Layout::kBlocked;
  l.groups = 1;
  l.in_channels = pick(random, {3, 16, 40, 64});
  l.out_channels = pick(random, {5, 16, 40, 64});
  for (int d = 1; d < 3; ++d) {
    l.kernel[d] = 3;
    l.stride[d] = l.dilation[d] = 1;
  }
  return l;
}

/// F(2x2) rounds V and the transformed weights to bf16: rms about 4e-3 of the output's, against 2.4e-3 for direct bf16.
TEST(NarrowConvolution, Bf16WinogradError) {
  if (hardware_isa() < Isa::kBf16) GTEST_SKIP() << "needs avx512_bf16";
  std::mt19937_64 random(4);
  ConvLayer layer = winograd_layer({}, random);
  layer.in_channels = 64;
  layer.out_channels = 64;
  layer.input = ConvElement::kBf16;
  ConvShape shape;
  for (int d = 1; d < 3; ++d) {
    shape.in[d] = shape.out[d] = 15;
    shape.pad[d] = 1;
  }
  ConvCase c = make_case(layer, shape, true, random);
  const std::vector<double> exact = exact_convolution(c);
  Bytes input(stored_channels(64, Layout::kBlocked) * 225 * 2, 0);
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(c.input.size()); ++i) {
    write(input.data(), ConvElement::kBf16, position(Layout::kBlocked, 64, 225, 0, i / 225, i % 225), c.input[i]);
  }
  const ConvKernel kernel = conv_kernel(layer, ConvAlgorithm::kWinograd2, Isa::kBf16);
  for (const int threads : {1, 4}) {
    Bytes packed(kernel.packed_bytes);
    conv_pack(kernel, {c.weights.data(), c.bias.data()}, packed.data());
    const ConvPlan plan = conv_plan(kernel, shape, threads);
    Bytes scratch(plan.thread_scratch_bytes, 0xff);
    Bytes shared(plan.shared_scratch_bytes, 0xff);
    Buffer output(64 * 225);
    ConvBuffers buffers{input.data(), nullptr, output.data(), packed.data(), shared.data()};
    for (int phase = 0; phase < plan.phases; ++phase)
      conv_run(plan, buffers, phase, 0, plan.units[phase], scratch.data());
    const ConvError e = error_of(c, output, exact);
    EXPECT_LT(e.rms, 6e-3);
    EXPECT_GT(e.rms, 1e-3);
    EXPECT_LT(e.largest, 4e-2);
  }
}

TEST(NarrowConvolution, Bf16) {
  if (hardware_isa() < Isa::kBf16) GTEST_SKIP() << "needs avx512_bf16";
  std::mt19937_64 random(3);
  for (int round = 0; round < 100; ++round) {
    ConvLayer layer = random_layer(random);
    layer.input = ConvElement::kBf16;
    layer.output = random() % 2 == 0 ? ConvElement::kF32 : ConvElement::kBf16;
    layer.residual = static_cast<Residual>(random() % 3);
    layer.residual_element = random() % 2 == 0 ? ConvElement::kF32 : ConvElement::kBf16;
    layer.activation.kind = random() % 2 == 0 ? ActivationKind::kSwish : ActivationKind::kSigmoid;
    layer.activation.a = 1.0F;
    if (round % 4 == 0) {
      layer = winograd_layer(layer, random);
    }
    layer.rounds_input = layer.input_layout == Layout::kBlocked && random() % 2 == 0;
    const ConvShape shape = random_shape(layer, random);
    ConvCase c = make_case(layer, shape, true, random);
    const std::vector<float> weights = c.weights;
    const std::vector<float> given = c.input;
    for (float& v : c.weights) v = from_bf16(to_bf16(v));
    for (float& v : c.input) v = from_bf16(to_bf16(v));
    for (float& v : c.residual) v = from_bf16(to_bf16(v));
    const std::vector<double> exact = exact_convolution(c);
    const auto store = [&](const std::vector<float>& plain, std::int64_t channels, std::int64_t points, Layout layout,
                           ConvElement element) {
      Bytes bytes(shape.batch * stored_channels(channels, layout) * points * 4, 0);
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(plain.size()); ++i) {
        write(bytes.data(), element,
              position(layout, channels, points, i / points / channels, i / points % channels, i % points), plain[i]);
      }
      return bytes;
    };
    Bytes input = store(layer.rounds_input ? given : c.input, layer.in_channels, volume(shape.in), layer.input_layout,
                        layer.rounds_input ? ConvElement::kF32 : ConvElement::kBf16);
    Bytes residual = store(c.residual, layer.out_channels, volume(shape.out), Layout::kBlocked, layer.residual_element);
    const std::int64_t out_points = volume(shape.out);
    const std::int64_t stored = stored_channels(layer.out_channels, Layout::kBlocked);
    for (const ConvKernel& kernel : kernels_of(layer, {Isa::kBf16})) {
      Bytes packed(kernel.packed_bytes);
      conv_pack(kernel, {weights.data(), c.bias.data()}, packed.data());
      Bytes output(shape.batch * stored * out_points * 4);
      ConvBuffers buffers;
      buffers.input = input.data();
      buffers.residual = residual.data();
      buffers.output = output.data();
      buffers.packed = packed.data();
      run_all(kernel, shape, buffers, random);
      for (std::int64_t n = 0; n < shape.batch; ++n) {
        for (std::int64_t o = 0; o < stored; ++o) {
          for (std::int64_t p = 0; p < out_points; ++p) {
            const double got =
                read(output.data(), layer.output, position(Layout::kBlocked, layer.out_channels, out_points, n, o, p));
            if (o >= layer.out_channels) {
              ASSERT_EQ(got, 0.0);
              continue;
            }
            const double want = exact[(n * layer.out_channels + o) * out_points + p];
            double bound = layer.output == ConvElement::kBf16 ? 4e-3 * std::abs(want) + 3e-5 : 3e-5;
            if (kernel.algorithm == ConvAlgorithm::kWinograd2) bound += 0.05;
            ASSERT_NEAR(got, want, bound) << "round " << round << " " << conv_algorithm_name(kernel.algorithm);
          }
        }
      }
    }
  }
}

TEST(NarrowConvolution, Declines) {
  ConvLayer layer;
  layer.input = ConvElement::kBf16;
  layer.output = ConvElement::kBf16;
  EXPECT_FALSE(conv_serves(layer, Isa::kVnni));
  EXPECT_TRUE(conv_serves(layer, Isa::kBf16));
  layer.rounds_input = true;
  EXPECT_TRUE(conv_serves(layer, Isa::kBf16));
  layer.input_layout = Layout::kPlain;
  EXPECT_FALSE(conv_serves(layer, Isa::kBf16));
  layer.input_layout = Layout::kBlocked;
  layer.input = ConvElement::kU8;
  EXPECT_FALSE(conv_serves(layer, Isa::kBf16));
  layer.rounds_input = false;
  EXPECT_TRUE(conv_serves(layer, Isa::kScalar));
  layer.output_layout = Layout::kPlain;
  EXPECT_FALSE(conv_serves(layer, Isa::kBf16));
}

}  // namespace
}  // namespace oriel::kernels::testing
