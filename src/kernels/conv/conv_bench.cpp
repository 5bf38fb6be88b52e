// Convolution layers of well-known networks: best GFLOP/s and its share of the core's measured f32 peak; levels vnni
// and bf16 stand for u8 and bf16 layers. Weights rotate through copies, so that they come from where a whole network
// finds them.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "kernels/bench_support.h"
#include "kernels/conv/conv.h"

namespace oriel::kernels {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Operations per second of independent multiply-adds with the widest registers at hand.
double measured_peak() {
  static const double peak = bench::fma_peak(std::min(hardware_isa(), Isa::kAvx512));
  return peak;
}

/// One square layer: kernel, stride, channels, groups, output size.
struct NamedLayer {
  const char* model;
  std::int64_t kernel, stride, in_channels, out_channels, groups, out;
};

constexpr NamedLayer kLayers[] = {
    {"resnet", 7, 2, 3, 64, 1, 112},
    {"resnet18", 3, 1, 64, 64, 1, 56},
    {"resnet18", 3, 2, 64, 128, 1, 28},
    {"resnet18", 3, 1, 128, 128, 1, 28},
    {"resnet18", 1, 2, 64, 128, 1, 28},
    {"resnet18", 3, 2, 128, 256, 1, 14},
    {"resnet18", 3, 1, 256, 256, 1, 14},
    {"resnet18", 1, 2, 128, 256, 1, 14},
    {"resnet18", 3, 2, 256, 512, 1, 7},
    {"resnet18", 3, 1, 512, 512, 1, 7},
    {"resnet18", 1, 2, 256, 512, 1, 7},
    {"resnet50", 1, 1, 64, 64, 1, 56},
    {"resnet50", 1, 1, 64, 256, 1, 56},
    {"resnet50", 1, 1, 256, 64, 1, 56},
    {"resnet50", 1, 1, 256, 128, 1, 56},
    {"resnet50", 3, 2, 128, 128, 1, 28},
    {"resnet50", 1, 1, 128, 512, 1, 28},
    {"resnet50", 1, 2, 256, 512, 1, 28},
    {"resnet50", 1, 1, 512, 128, 1, 28},
    {"resnet50", 1, 1, 512, 256, 1, 28},
    {"resnet50", 3, 2, 256, 256, 1, 14},
    {"resnet50", 1, 1, 256, 1024, 1, 14},
    {"resnet50", 1, 2, 512, 1024, 1, 14},
    {"resnet50", 1, 1, 1024, 256, 1, 14},
    {"resnet50", 1, 1, 1024, 512, 1, 14},
    {"resnet50", 3, 2, 512, 512, 1, 7},
    {"resnet50", 1, 1, 512, 2048, 1, 7},
    {"resnet50", 1, 2, 1024, 2048, 1, 7},
    {"resnet50", 1, 1, 2048, 512, 1, 7},
    {"mobilenet_v2", 3, 2, 3, 32, 1, 112},
    {"mobilenet_v2", 3, 1, 32, 32, 32, 112},
    {"mobilenet_v2", 1, 1, 32, 16, 1, 112},
    {"mobilenet_v2", 1, 1, 16, 96, 1, 112},
    {"mobilenet_v2", 3, 2, 96, 96, 96, 56},
    {"mobilenet_v2", 1, 1, 96, 24, 1, 56},
    {"mobilenet_v2", 1, 1, 24, 144, 1, 56},
    {"mobilenet_v2", 3, 1, 144, 144, 144, 56},
    {"mobilenet_v2", 1, 1, 144, 24, 1, 56},
    {"mobilenet_v2", 3, 2, 144, 144, 144, 28},
    {"mobilenet_v2", 1, 1, 144, 32, 1, 28},
    {"mobilenet_v2", 1, 1, 32, 192, 1, 28},
    {"mobilenet_v2", 3, 1, 192, 192, 192, 28},
    {"mobilenet_v2", 1, 1, 192, 32, 1, 28},
    {"mobilenet_v2", 3, 2, 192, 192, 192, 14},
    {"mobilenet_v2", 1, 1, 192, 64, 1, 14},
    {"mobilenet_v2", 1, 1, 64, 384, 1, 14},
    {"mobilenet_v2", 3, 1, 384, 384, 384, 14},
    {"mobilenet_v2", 1, 1, 384, 64, 1, 14},
    {"mobilenet_v2", 1, 1, 384, 96, 1, 14},
    {"mobilenet_v2", 1, 1, 96, 576, 1, 14},
    {"mobilenet_v2", 3, 1, 576, 576, 576, 14},
    {"mobilenet_v2", 1, 1, 576, 96, 1, 14},
    {"mobilenet_v2", 3, 2, 576, 576, 576, 7},
    {"mobilenet_v2", 1, 1, 576, 160, 1, 7},
    {"mobilenet_v2", 1, 1, 160, 960, 1, 7},
    {"mobilenet_v2", 3, 1, 960, 960, 960, 7},
    {"mobilenet_v2", 1, 1, 960, 160, 1, 7},
    {"mobilenet_v2", 1, 1, 960, 320, 1, 7},
    {"mobilenet_v2", 1, 1, 320, 1280, 1, 7},
    {"yolov3", 3, 1, 3, 32, 1, 416},
    {"yolov3", 3, 2, 32, 64, 1, 208},
    {"yolov3", 1, 1, 64, 32, 1, 208},
    {"yolov3", 3, 1, 32, 64, 1, 208},
    {"yolov3", 3, 2, 64, 128, 1, 104},
    {"yolov3", 3, 1, 64, 128, 1, 104},
    {"yolov3", 3, 2, 128, 256, 1, 52},
    {"yolov3", 3, 1, 128, 256, 1, 52},
    {"yolov3", 1, 1, 256, 128, 1, 52},
    {"yolov3", 3, 2, 256, 512, 1, 26},
    {"yolov3", 3, 1, 256, 512, 1, 26},
    {"yolov3", 1, 1, 512, 256, 1, 26},
    {"yolov3", 3, 2, 512, 1024, 1, 13},
    {"yolov3", 3, 1, 512, 1024, 1, 13},
    {"yolov3", 1, 1, 1024, 512, 1, 13},
    {"yolov3", 1, 1, 1024, 255, 1, 13},
    {"resnext50", 3, 1, 128, 128, 32, 56},
    {"resnext50", 3, 2, 256, 256, 32, 28},
    {"resnext50", 3, 1, 256, 256, 32, 28},
    {"resnext50", 3, 1, 512, 512, 32, 14},
    {"resnext50", 3, 1, 1024, 1024, 32, 7},
    {"regnet_y_400mf", 3, 2, 48, 48, 6, 56},
    {"regnet_y_400mf", 3, 1, 104, 104, 13, 28},
    {"regnet_y_400mf", 3, 1, 208, 208, 26, 14},
    {"regnet_y_400mf", 3, 1, 440, 440, 55, 7},
};

void run_layer(benchmark::State& state, const NamedLayer& named, ConvAlgorithm algorithm, Isa isa,
               ConvElement element) {
  ConvLayer layer;
  layer.in_channels = named.in_channels;
  layer.out_channels = named.out_channels;
  layer.groups = named.groups;
  layer.activation.kind = ActivationKind::kRelu;
  if (algorithm == ConvAlgorithm::kDirectPlain) layer.input_layout = Layout::kPlain;
  layer.input = layer.output = element;
  ConvShape shape;
  for (int d = 1; d < 3; ++d) {
    layer.kernel[d] = named.kernel;
    layer.stride[d] = named.stride;
    shape.in[d] = named.out * named.stride;
    shape.out[d] = named.out;
    shape.pad[d] = named.kernel / 2;
  }
  const ConvKernel kernel = conv_kernel(layer, algorithm, isa);
  const ConvPlan plan = conv_plan(kernel, shape, 1);
  const std::int64_t points = named.out * named.out;
  const auto stored = [](std::int64_t channels) { return (channels + 15) / 16 * 16; };
  bench::Buffer input(stored(named.in_channels) * points * named.stride * named.stride);
  bench::Buffer output(stored(named.out_channels) * points);
  bench::Buffer scratch(plan.thread_scratch_bytes / 4);
  bench::Buffer shared(plan.shared_scratch_bytes / 4);
  const std::int64_t copies = std::clamp<std::int64_t>((64 << 20) / kernel.packed_bytes, 2, 16);
  const std::int64_t stride = (kernel.packed_bytes + 63) / 64 * 64;
  bench::Buffer packed(stride / 4 * copies);
  ConvBuffers buffers;
  buffers.input = input.data();
  buffers.output = output.data();
  buffers.shared_scratch = shared.data();
  const double flops = 2.0 * static_cast<double>(named.kernel * named.kernel * named.in_channels / named.groups *
                                                 named.out_channels * points);
  double best = 1e9;
  std::int64_t turn = 0;
  for (auto _ : state) {
    buffers.packed = packed.data() + turn++ % copies * stride / 4;
    const double start = seconds_now();
    for (int phase = 0; phase < plan.phases; ++phase) {
      conv_run(plan, buffers, phase, 0, plan.units[phase], scratch.data());
    }
    best = std::min(best, seconds_now() - start);
  }
  state.counters["best_us"] = best * 1e6;
  state.counters["GFLOP/s"] = flops / best * 1e-9;
  state.counters["of_peak_%"] = 100.0 * flops / best / measured_peak();
  state.counters["packed_KB"] = static_cast<double>(kernel.packed_bytes) / 1024.0;
}

void register_all() {
  for (const NamedLayer& named : kLayers) {
    for (const ConvAlgorithm algorithm :
         {ConvAlgorithm::kDirect, ConvAlgorithm::kDirectPlain, ConvAlgorithm::kDepthwise, ConvAlgorithm::kWinograd2,
          ConvAlgorithm::kWinograd4, ConvAlgorithm::kWinograd5, ConvAlgorithm::kWinograd6,
          ConvAlgorithm::kWinograd2Stride2, ConvAlgorithm::kWinograd4Stride2}) {
      ConvLayer layer;
      layer.in_channels = named.in_channels;
      layer.out_channels = named.out_channels;
      layer.groups = named.groups;
      for (int d = 1; d < 3; ++d) {
        layer.kernel[d] = named.kernel;
        layer.stride[d] = named.stride;
      }
      const bool first = named.in_channels < kChannelBlock;
      const bool depthwise = named.groups > 1 && named.groups == named.in_channels;
      if (first != (algorithm == ConvAlgorithm::kDirectPlain)) continue;
      if (depthwise != (algorithm == ConvAlgorithm::kDepthwise)) continue;
      if (!first && !conv_decline(layer, algorithm).empty()) continue;
      for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kVnni, Isa::kBf16}) {
        if (isa > hardware_isa()) continue;
        // Each level beyond AVX-512 brings one element type of its own.
        const ConvElement element = isa == Isa::kVnni   ? ConvElement::kU8
                                    : isa == Isa::kBf16 ? ConvElement::kBf16
                                                        : ConvElement::kF32;
        layer.input = layer.output = element;
        if (!first && !conv_decline(layer, algorithm, isa).empty()) continue;
        if (first && element != ConvElement::kF32) continue;
        const std::string name = std::string(named.model) + "/" + std::to_string(named.kernel) + "x" +
                                 std::to_string(named.kernel) + "s" + std::to_string(named.stride) + "/" +
                                 std::to_string(named.in_channels) + "-" + std::to_string(named.out_channels) + "/g" +
                                 std::to_string(named.groups) + "/" + std::to_string(named.out) + "/" +
                                 std::string(conv_algorithm_name(algorithm)) + "/" + std::string(isa_name(isa));
        benchmark::RegisterBenchmark(name.c_str(), [named, algorithm, isa, element](benchmark::State& state) {
          run_layer(state, named, algorithm, isa, element);
        })->Unit(benchmark::kMicrosecond);
      }
    }
  }
}

const bool kRegistered = (register_all(), true);

}  // namespace
}  // namespace oriel::kernels
