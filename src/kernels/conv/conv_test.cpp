// Direct convolutions at every level against a naive one in double, over random layers, shapes and unit orders.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "kernels/conv/testing.h"

namespace oriel::kernels::testing {
namespace {

std::int64_t pick(std::mt19937_64& random, std::initializer_list<std::int64_t> values) {
  return values.begin()[random() % values.size()];
}

constexpr Activation kActivations[] = {
    {ActivationKind::kNone, 0, 0},         {ActivationKind::kRelu, 0, 0},
    {ActivationKind::kClip, 0, 6},         {ActivationKind::kClip, 0.25F, 1},
    {ActivationKind::kLeakyRelu, 0.1F, 0}, {ActivationKind::kElu, 1.5F, 0},
    {ActivationKind::kSigmoid, 0, 0},      {ActivationKind::kTanh, 0, 0},
    {ActivationKind::kSwish, 1, 0},        {ActivationKind::kHardSigmoid, 0.2F, 0.5F},
    {ActivationKind::kHardSwish, 0, 0},    {ActivationKind::kGeluErf, 0, 0},
    {ActivationKind::kGeluTanh, 0, 0},     {ActivationKind::kSoftplus, 0, 0},
    {ActivationKind::kMish, 0, 0},         {ActivationKind::kAbs, 0, 0},
};

std::string describe(const ConvCase& c, const ConvKernel& k) {
  std::string text = std::string(conv_algorithm_name(k.algorithm)) + " " + std::string(isa_name(k.isa));
  const auto list = [&](const char* name, const std::int64_t* v) {
    text +=
        std::string(" ") + name + " " + std::to_string(v[0]) + "," + std::to_string(v[1]) + "," + std::to_string(v[2]);
  };
  const ConvLayer& l = c.layer;
  text += " channels " + std::to_string(l.in_channels) + "->" + std::to_string(l.out_channels) + " groups " +
          std::to_string(l.groups) + " batch " + std::to_string(c.shape.batch) + (l.transposed ? " transposed" : "") +
          " layouts " + std::to_string(static_cast<int>(l.input_layout)) +
          std::to_string(static_cast<int>(l.output_layout)) + " residual " +
          std::to_string(static_cast<int>(l.residual)) + " f " + std::to_string(static_cast<int>(l.activation.kind));
  list("kernel", l.kernel);
  list("stride", l.stride);
  list("dilation", l.dilation);
  list("in", c.shape.in);
  list("out", c.shape.out);
  list("pad", c.shape.pad);
  return text;
}

/// Every algorithm that accepts the case must agree with the definition, at every level.
void check(const ConvCase& c, std::mt19937_64& random) {
  const std::vector<double> exact = exact_convolution(c);
  for (const ConvAlgorithm algorithm :
       {ConvAlgorithm::kDirect, ConvAlgorithm::kDirectPlain, ConvAlgorithm::kDepthwise, ConvAlgorithm::kPlanar}) {
    if (!conv_decline(c.layer, algorithm).empty()) continue;
    for (const Isa isa : f32_levels()) {
      const ConvKernel kernel = conv_kernel(c.layer, algorithm, isa);
      const int threads = 1 + static_cast<int>(random() % 6);
      const Buffer output = run_convolution(c, kernel, threads, random);
      const ConvError e = error_of(c, output, exact);
      ASSERT_LT(e.largest, 3e-5) << describe(c, kernel) << " threads " << threads;
      ASSERT_LT(e.rms, 3e-6) << describe(c, kernel);
    }
  }
}

ConvLayer random_layer(std::mt19937_64& random, bool three_d) {
  ConvLayer l;
  const std::int64_t kind = pick(random, {0, 0, 0, 1, 1, 2, 3, 3});
  if (kind == 0) {
    l.in_channels = pick(random, {1, 3, 5, 16, 17, 24, 32, 40, 64});
    l.out_channels = pick(random, {1, 7, 8, 16, 20, 24, 30, 32, 33, 48, 56, 72});
  } else if (kind == 1) {
    l.groups = pick(random, {2, 3, 4, 5, 16});
    l.in_channels = l.groups * pick(random, {1, 2, 3, 4, 8, 16, 20, 32});
    l.out_channels = l.groups * pick(random, {1, 2, 3, 4, 8, 12, 16, 32, 48});
  } else if (kind == 3) {
    l.groups = pick(random, {2, 3, 5, 8, 13, 32});
    l.in_channels = l.out_channels = l.groups * pick(random, {2, 4, 8});
  } else {
    l.in_channels = l.out_channels = l.groups = pick(random, {1, 5, 16, 19, 32, 35});
  }
  for (int d = three_d ? 0 : 1; d < 3; ++d) {
    l.kernel[d] = pick(random, {1, 1, 2, 3, 3, 3, 4, 5, 7});
    l.stride[d] = pick(random, {1, 1, 1, 2, 2, 3});
    l.dilation[d] = pick(random, {1, 1, 1, 2, 3});
  }
  if (three_d) l.kernel[0] = std::min<std::int64_t>(l.kernel[0], 3);
  l.activation = kActivations[random() % std::size(kActivations)];
  l.residual = static_cast<Residual>(random() % 3);
  l.scaled_input = random() % 4 == 0;
  return l;
}

/// Extents that keep the naive sum quick; ends beyond the input and cropping beginnings included.
ConvShape random_shape(const ConvLayer& l, std::mt19937_64& random, bool three_d) {
  ConvShape s;
  s.batch = pick(random, {1, 1, 1, 2});
  for (int d = three_d ? 0 : 1; d < 3; ++d) {
    s.in[d] = d == 0 ? pick(random, {1, 3, 5}) : pick(random, {1, 2, 5, 7, 9, 14, 17, 23});
    s.pad[d] = pick(random, {0, 0, 1, 1, 2, 3, -1});
    const std::int64_t reach = (l.kernel[d] - 1) * l.dilation[d] + 1;
    const std::int64_t end = pick(random, {0, 1, 2});
    if (l.transposed) {
      s.out[d] = std::max<std::int64_t>(1, (s.in[d] - 1) * l.stride[d] + reach - s.pad[d] - end);
    } else {
      s.out[d] = std::max<std::int64_t>(1, (s.in[d] + s.pad[d] + end - reach) / l.stride[d] + 1);
    }
  }
  return s;
}

TEST(Convolution, RandomBlocked) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200; ++i) {
    const ConvLayer layer = random_layer(random, false);
    check(make_case(layer, random_shape(layer, random, false), random() % 2 == 0, random), random);
    if (HasFatalFailure()) return;
  }
}

TEST(Convolution, RandomLayouts) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 120; ++i) {
    ConvLayer layer = random_layer(random, false);
    layer.input_layout = random() % 3 == 0 ? Layout::kBlocked : Layout::kPlain;
    layer.output_layout = random() % 2 == 0 ? Layout::kBlocked : Layout::kPlain;
    check(make_case(layer, random_shape(layer, random, false), random() % 2 == 0, random), random);
    if (HasFatalFailure()) return;
  }
}

TEST(Convolution, RandomTransposed) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 120; ++i) {
    ConvLayer layer = random_layer(random, false);
    layer.transposed = true;
    layer.input_layout = random() % 4 == 0 ? Layout::kPlain : Layout::kBlocked;
    layer.output_layout = random() % 4 == 0 ? Layout::kPlain : Layout::kBlocked;
    check(make_case(layer, random_shape(layer, random, false), random() % 2 == 0, random), random);
    if (HasFatalFailure()) return;
  }
}

TEST(Convolution, RandomVolumes) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 60; ++i) {
    ConvLayer layer = random_layer(random, true);
    layer.transposed = random() % 3 == 0;
    check(make_case(layer, random_shape(layer, random, true), random() % 2 == 0, random), random);
    if (HasFatalFailure()) return;
  }
}

ConvLayer square_layer(std::int64_t ic, std::int64_t oc, std::int64_t kernel, std::int64_t stride) {
  ConvLayer l;
  l.in_channels = ic;
  l.out_channels = oc;
  for (int d = 1; d < 3; ++d) {
    l.kernel[d] = kernel;
    l.stride[d] = stride;
  }
  return l;
}

ConvShape square_shape(std::int64_t in, std::int64_t out, std::int64_t pad) {
  ConvShape s;
  for (int d = 1; d < 3; ++d) {
    s.in[d] = in;
    s.out[d] = out;
    s.pad[d] = pad;
  }
  return s;
}

/// Shapes that need several bands, panels and column cuts.
TEST(Convolution, ManyBands) {
  std::mt19937_64 random(5);
  check(make_case(square_layer(256, 40, 1, 1), square_shape(41, 41, 0), true, random), random);
  check(make_case(square_layer(512, 16, 3, 1), square_shape(30, 30, 1), true, random), random);
  check(make_case(square_layer(1024, 8, 3, 2), square_shape(50, 25, 1), true, random), random);
  check(make_case(square_layer(2048, 24, 1, 1), square_shape(7, 7, 0), true, random), random);
  check(make_case(square_layer(64, 96, 1, 2), square_shape(33, 17, 0), true, random), random);
  check(make_case(square_layer(96, 96, 3, 2), square_shape(14, 7, 1), true, random), random);
}

TEST(Convolution, EmptyShapesHaveNoUnits) {
  std::mt19937_64 random(6);
  for (const ConvAlgorithm algorithm : {ConvAlgorithm::kDirect, ConvAlgorithm::kDepthwise}) {
    ConvLayer layer = square_layer(16, 16, 3, 1);
    if (algorithm == ConvAlgorithm::kDepthwise) layer.groups = 16;
    ConvShape shape = square_shape(8, 8, 1);
    shape.batch = 0;
    const ConvKernel kernel = conv_kernel(layer, algorithm, max_isa());
    EXPECT_EQ(conv_plan(kernel, shape, 2).units[0], 0);
    shape = square_shape(0, 0, 0);
    EXPECT_EQ(conv_plan(kernel, shape, 2).units[0], 0);
  }
  check(make_case(square_layer(16, 8, 3, 1), square_shape(0, 2, 2), true, random), random);
}

TEST(Convolution, NanPassesThroughActivations) {
  std::mt19937_64 random(7);
  for (const Activation& f : kActivations) {
    ConvLayer layer = square_layer(16, 16, 1, 1);
    layer.activation = f;
    ConvCase c = make_case(layer, square_shape(3, 3, 0), false, random);
    c.input[4] = std::numeric_limits<float>::quiet_NaN();
    for (const Isa isa : f32_levels()) {
      const Buffer y = run_convolution(c, conv_kernel(layer, ConvAlgorithm::kDirect, isa), 1, random);
      EXPECT_TRUE(std::isnan(y[4 * 16])) << static_cast<int>(f.kind) << " " << isa_name(isa);
      EXPECT_FALSE(std::isnan(y[5 * 16])) << static_cast<int>(f.kind) << " " << isa_name(isa);
    }
  }
}

/// Activations one by one over a wide range, as a 1x1 identity.
TEST(Convolution, ActivationsAreAccurate) {
  std::mt19937_64 random(8);
  for (const Activation& f : kActivations) {
    ConvLayer layer = square_layer(1, 1, 1, 1);
    layer.activation = f;
    ConvCase c = make_case(layer, square_shape(64, 64, 0), false, random);
    c.weights[0] = 1.0F;
    for (std::size_t i = 0; i < c.input.size(); ++i) c.input[i] = (static_cast<float>(i) - 2048.0F) / 100.0F;
    for (const Isa isa : f32_levels()) {
      const Buffer y = run_convolution(c, conv_kernel(layer, ConvAlgorithm::kDirect, isa), 1, random);
      for (std::size_t i = 0; i < c.input.size(); ++i) {
        const double exact = exact_activation(f, c.input[i]);
        const double bound = 5e-7 * std::max({1.0, std::abs(exact), std::abs(static_cast<double>(c.input[i]))});
        ASSERT_NEAR(y[static_cast<std::int64_t>(i) * 16], exact, bound)
            << static_cast<int>(f.kind) << " of " << c.input[i] << " " << isa_name(isa);
      }
    }
  }
}

/// Units of every phase dealt to threads that run at the same time.
TEST(Convolution, UnitsRunConcurrently) {
  std::mt19937_64 random(10);
  const ConvLayer layer = square_layer(64, 96, 3, 1);
  const ConvCase c = make_case(layer, square_shape(28, 28, 1), true, random);
  const std::vector<double> exact = exact_convolution(c);
  const Buffer input = to_layout(c.input, 1, 64, 28 * 28, Layout::kBlocked);
  constexpr int kThreads = 4;
  for (const ConvAlgorithm algorithm : {ConvAlgorithm::kDirect, ConvAlgorithm::kWinograd2, ConvAlgorithm::kWinograd6}) {
    const ConvKernel kernel = conv_kernel(layer, algorithm, max_isa());
    Buffer packed(kernel.packed_bytes / 4);
    conv_pack(kernel, {c.weights.data(), c.bias.data()}, packed.data());
    const ConvPlan plan = conv_plan(kernel, c.shape, kThreads);
    Buffer shared(plan.shared_scratch_bytes / 4);
    Buffer output(96 * 28 * 28);
    const ConvBuffers buffers{input.data(), nullptr, output.data(), packed.data(), shared.data()};
    for (int phase = 0; phase < plan.phases; ++phase) {
      EXPECT_GE(plan.units[phase], 2) << conv_algorithm_name(algorithm);
      std::atomic<std::int64_t> next{0};
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
          Buffer scratch((plan.thread_scratch_bytes + 3) / 4);
          for (std::int64_t u = next++; u < plan.units[phase]; u = next++) {
            conv_run(plan, buffers, phase, u, u + 1, scratch.data());
          }
        });
      }
      for (std::thread& t : threads) t.join();
    }
    EXPECT_LT(error_of(c, output, exact).largest, 2e-4) << conv_algorithm_name(algorithm);
  }
}

TEST(Convolution, ResultsDoNotDependOnThreads) {
  std::mt19937_64 random(9);
  const ConvLayer layer = square_layer(40, 72, 3, 1);
  const ConvCase c = make_case(layer, square_shape(21, 21, 1), true, random);
  for (const Isa isa : f32_levels()) {
    const ConvKernel kernel = conv_kernel(layer, ConvAlgorithm::kDirect, isa);
    const Buffer one = run_convolution(c, kernel, 1, random);
    const Buffer many = run_convolution(c, kernel, 16, random);
    for (std::int64_t i = 0; i < one.size(); ++i) ASSERT_EQ(one[i], many[i]);
  }
}

/// Scales join the weights while they are packed, and weights may lie at any byte: the result is what scaled weights at
/// a boundary give, bit for bit.
TEST(Conv, PacksScaledWeightsFromAnyByte) {
  std::mt19937_64 random(11);
  struct Layer {
    std::int64_t in, out, groups, kernel;
    bool transposed;
    std::int64_t stride = 1;
  };
  for (const Layer& l :
       {Layer{19, 37, 1, 3, false}, Layer{64, 64, 1, 1, false}, Layer{3, 20, 1, 5, false}, Layer{40, 24, 4, 3, false},
        Layer{24, 24, 24, 3, false}, Layer{40, 40, 10, 3, false}, Layer{24, 24, 3, 3, true}, Layer{18, 33, 1, 3, true},
        Layer{32, 48, 1, 3, false}, Layer{19, 37, 1, 3, false, 2}, Layer{40, 24, 4, 3, false, 2}}) {
    for (const Layout input : {Layout::kBlocked, Layout::kPlain}) {
      ConvLayer layer;
      layer.in_channels = l.in;
      layer.out_channels = l.out;
      layer.groups = l.groups;
      layer.kernel[1] = layer.kernel[2] = l.kernel;
      layer.stride[1] = layer.stride[2] = l.stride;
      layer.transposed = l.transposed;
      layer.input_layout = input;
      const std::int64_t count = l.in * l.out / l.groups * l.kernel * l.kernel;
      std::vector<float> scale(static_cast<std::size_t>(l.out));
      std::vector<float> bias(static_cast<std::size_t>(l.out));
      std::vector<float> plain(static_cast<std::size_t>(count));
      std::normal_distribution<float> normal;
      for (std::vector<float>* v : {&scale, &bias, &plain}) {
        for (float& x : *v) x = normal(random);
      }
      std::vector<float> scaled = plain;
      const std::int64_t taps = l.kernel * l.kernel;
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t per_group = l.out / l.groups;
        const std::int64_t row = i / ((l.transposed ? per_group : l.in / l.groups) * taps);
        const std::int64_t o = l.transposed ? row / (l.in / l.groups) * per_group + i / taps % per_group : row;
        scaled[static_cast<std::size_t>(i)] *= scale[static_cast<std::size_t>(o)];
      }
      std::vector<char> anywhere(static_cast<std::size_t>(count) * 4 + 3);
      std::memcpy(anywhere.data() + 3, plain.data(), static_cast<std::size_t>(count) * 4);
      for (const Isa isa : f32_levels()) {
        for (const ConvAlgorithm algorithm :
             {ConvAlgorithm::kDirect, ConvAlgorithm::kDirectPlain, ConvAlgorithm::kDepthwise, ConvAlgorithm::kPlanar,
              ConvAlgorithm::kWinograd2, ConvAlgorithm::kWinograd4, ConvAlgorithm::kWinograd5,
              ConvAlgorithm::kWinograd6, ConvAlgorithm::kWinograd2Stride2, ConvAlgorithm::kWinograd4Stride2}) {
          if (!conv_decline(layer, algorithm, isa).empty()) continue;
          const ConvKernel kernel = conv_kernel(layer, algorithm, isa);
          Buffer expected(kernel.packed_bytes / 4);
          Buffer packed(kernel.packed_bytes / 4);
          std::fill_n(packed.data(), kernel.packed_bytes / 4, 7.0F);
          std::fill_n(expected.data(), kernel.packed_bytes / 4, 9.0F);
          conv_pack(kernel, {scaled.data(), bias.data()}, expected.data());
          conv_pack(kernel, {reinterpret_cast<const float*>(anywhere.data() + 3), bias.data(), scale.data()},
                    packed.data());
          ASSERT_EQ(std::memcmp(packed.data(), expected.data(), static_cast<std::size_t>(kernel.packed_bytes)), 0)
              << conv_algorithm_name(algorithm) << " " << isa_name(isa) << " " << l.in << " " << l.out;
        }
      }
    }
  }
}

}  // namespace
}  // namespace oriel::kernels::testing
