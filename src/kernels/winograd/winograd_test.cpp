// Winograd at every level against a naive convolution in double: the bounds that conv.h states, over random shapes.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "kernels/conv/testing.h"

namespace oriel::kernels::testing {
namespace {

struct Bound {
  ConvAlgorithm algorithm;
  std::int64_t stride;
  double rms, largest;
};

constexpr Bound kBounds[] = {
    {ConvAlgorithm::kWinograd2, 1, 4e-6, 4e-5},        {ConvAlgorithm::kWinograd4, 1, 4e-6, 4e-5},
    {ConvAlgorithm::kWinograd5, 1, 1e-5, 1e-4},        {ConvAlgorithm::kWinograd6, 1, 2e-5, 2e-4},
    {ConvAlgorithm::kWinograd2Stride2, 2, 4e-6, 4e-5}, {ConvAlgorithm::kWinograd4Stride2, 2, 4e-6, 4e-5},
};

ConvLayer layer_of(std::int64_t ic, std::int64_t oc, std::int64_t groups, std::int64_t stride = 1) {
  ConvLayer l;
  l.in_channels = ic;
  l.out_channels = oc;
  l.groups = groups;
  l.kernel[1] = l.kernel[2] = 3;
  l.stride[1] = l.stride[2] = stride;
  return l;
}

ConvShape shape_of(std::int64_t height, std::int64_t width, std::int64_t pad, std::int64_t stride = 1) {
  ConvShape s;
  s.in[1] = height;
  s.in[2] = width;
  for (int d = 1; d < 3; ++d) {
    s.pad[d] = pad;
    s.out[d] = std::max<std::int64_t>(1, (s.in[d] + 2 * pad - 3) / stride + 1);
  }
  return s;
}

void check(const ConvCase& c, std::mt19937_64& random) {
  const std::vector<double> exact = exact_convolution(c);
  for (const Bound& bound : kBounds) {
    if (bound.stride != c.layer.stride[2]) {
      ASSERT_FALSE(conv_decline(c.layer, bound.algorithm).empty());
      continue;
    }
    ASSERT_TRUE(conv_decline(c.layer, bound.algorithm).empty());
    for (const Isa isa : f32_levels()) {
      const ConvKernel kernel = conv_kernel(c.layer, bound.algorithm, isa);
      for (const int threads : {1, 1 + static_cast<int>(random() % 7)}) {
        const ConvError e = error_of(c, run_convolution(c, kernel, threads, random), exact);
        const std::string what = std::string(conv_algorithm_name(bound.algorithm)) + " " + std::string(isa_name(isa)) +
                                 " threads " + std::to_string(threads) + " channels " +
                                 std::to_string(c.layer.in_channels) + "->" + std::to_string(c.layer.out_channels) +
                                 " groups " + std::to_string(c.layer.groups) + " in " + std::to_string(c.shape.in[1]) +
                                 "x" + std::to_string(c.shape.in[2]) + " out " + std::to_string(c.shape.out[1]) + "x" +
                                 std::to_string(c.shape.out[2]) + " pad " + std::to_string(c.shape.pad[1]) + "," +
                                 std::to_string(c.shape.pad[2]);
        ASSERT_LT(e.rms, bound.rms) << what;
        ASSERT_LT(e.largest, bound.largest) << what;
      }
    }
  }
}

TEST(Winograd, RandomShapes) {
  std::mt19937_64 random(1);
  constexpr Activation activations[] = {{ActivationKind::kNone, 0, 0},  {ActivationKind::kRelu, 0, 0},
                                        {ActivationKind::kClip, 0, 6},  {ActivationKind::kLeakyRelu, 0.1F, 0},
                                        {ActivationKind::kSwish, 1, 0}, {ActivationKind::kSigmoid, 0, 0}};
  constexpr std::int64_t in_channels[] = {1, 16, 24, 40, 64};
  constexpr std::int64_t out_channels[] = {3, 8, 16, 24, 40, 64, 70};
  for (int i = 0; i < 90; ++i) {
    ConvLayer layer = layer_of(in_channels[random() % 5], out_channels[random() % 7], 1);
    if (i % 5 == 4) layer = layer_of(64, 96, 2);
    if (i % 10 == 8) layer = layer_of(48, 48, 3);
    if (i % 8 == 1) layer = layer_of(72, 72, 3);
    if (i % 8 == 5) layer = layer_of(40, 24, random() % 2 == 0 ? 2 : 8);
    if (i % 16 == 2) layer = layer_of(21, 42, 7);
    if (i % 4 == 3) {
      const std::int64_t groups = random() % 2 == 0 ? 3 : 16;
      const std::int64_t channels = groups * (std::int64_t{2} << random() % 3);
      layer = layer_of(channels, channels, groups);
    }
    if (i % 3 == 0) layer.stride[1] = layer.stride[2] = 2;
    layer.activation = activations[random() % std::size(activations)];
    layer.residual = static_cast<Residual>(random() % 3);
    ConvShape shape;
    shape.batch = 1 + static_cast<std::int64_t>(random() % 2);
    for (int d = 1; d < 3; ++d) {
      shape.in[d] = 1 + static_cast<std::int64_t>(random() % 30);
      shape.pad[d] = static_cast<std::int64_t>(random() % 3);
      const std::int64_t positions = shape.in[d] + shape.pad[d] + static_cast<std::int64_t>(random() % 3) - 2;
      shape.out[d] = std::max<std::int64_t>(1, (positions + layer.stride[d] - 1) / layer.stride[d]);
    }
    if (i % 7 == 0) shape.in[0] = shape.out[0] = 3;
    check(make_case(layer, shape, random() % 2 == 0, random), random);
    if (HasFatalFailure()) return;
  }
}

/// Deep sums, blocks cut in both directions, wide rows.
TEST(Winograd, LargeShapes) {
  std::mt19937_64 random(2);
  check(make_case(layer_of(256, 32, 1), shape_of(14, 14, 1), true, random), random);
  check(make_case(layer_of(16, 32, 1), shape_of(70, 33, 1), true, random), random);
  check(make_case(layer_of(16, 16, 1), shape_of(9, 700, 1), true, random), random);
  check(make_case(layer_of(512, 64, 1), shape_of(7, 7, 1), true, random), random);
  check(make_case(layer_of(256, 32, 1, 2), shape_of(28, 27, 1, 2), true, random), random);
  check(make_case(layer_of(16, 16, 1, 2), shape_of(17, 900, 1, 2), true, random), random);
}

/// Inputs that are not centred, and with long tails.
TEST(Winograd, InputDistributions) {
  std::mt19937_64 random(3);
  for (int kind = 0; kind < 3; ++kind) {
    ConvCase c = make_case(layer_of(64, 32, 1), shape_of(26, 26, 1), true, random);
    for (float& x : c.input) x = kind == 0 ? std::max(x, 0.0F) : kind == 1 ? x + 5.0F : x * x * x;
    check(c, random);
    if (HasFatalFailure()) return;
    c.layer.stride[1] = c.layer.stride[2] = 2;
    c.shape.out[1] = c.shape.out[2] = 13;
    check(c, random);
    if (HasFatalFailure()) return;
  }
}

/// The choice is deterministic, prefers the fewest products, and respects the policy.
TEST(Winograd, Choice) {
  const auto choose = [](std::int64_t size, std::int64_t ic, std::int64_t oc, const ConvPolicy& policy,
                         std::int64_t stride = 1) {
    return conv_choose(layer_of(ic, oc, 1, stride), shape_of(size, size, 1, stride), policy).algorithm;
  };
  ConvPolicy policy;
  policy.isa = Isa::kAvx512;
  EXPECT_EQ(choose(56, 64, 64, policy), ConvAlgorithm::kWinograd6);
  EXPECT_EQ(choose(28, 128, 128, policy), ConvAlgorithm::kWinograd6);
  EXPECT_EQ(choose(14, 256, 256, policy), ConvAlgorithm::kWinograd5);
  EXPECT_EQ(choose(56, 128, 128, policy, 2), ConvAlgorithm::kWinograd4Stride2);
  EXPECT_EQ(choose(28, 256, 256, policy, 2), ConvAlgorithm::kWinograd2Stride2);
  EXPECT_EQ(choose(56, 128, 128, policy, 3), ConvAlgorithm::kDirect);
  policy.allow_winograd = false;
  EXPECT_EQ(choose(56, 64, 64, policy), ConvAlgorithm::kDirect);
  policy.allow_winograd = true;
  policy.dynamic_shape = true;
  EXPECT_EQ(choose(56, 64, 64, policy), ConvAlgorithm::kWinograd4);
  EXPECT_EQ(choose(56, 64, 64, policy, 2), ConvAlgorithm::kWinograd4Stride2);
  policy.winograd_bytes = 1000;
  EXPECT_EQ(choose(56, 64, 64, policy), ConvAlgorithm::kDirect);
}

}  // namespace
}  // namespace oriel::kernels::testing
