// Chooses the algorithm of a convolution and forwards to it.
#include "kernels/conv/conv.h"

#include <algorithm>
#include <iterator>

#include "base/work_counters.h"
#include "kernels/conv/algorithms.h"

namespace oriel::kernels {
namespace {

const ConvSteps& steps_of(ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::kDirect:
    case ConvAlgorithm::kDirectPlain:
      return kDirectSteps;
    case ConvAlgorithm::kDepthwise:
      return kDepthwiseSteps;
    default:
      return kWinogradSteps;
  }
}

constexpr ConvAlgorithm kAlgorithms[] = {
    ConvAlgorithm::kDirect,    ConvAlgorithm::kDirectPlain, ConvAlgorithm::kDepthwise, ConvAlgorithm::kWinograd2,
    ConvAlgorithm::kWinograd4, ConvAlgorithm::kWinograd5,   ConvAlgorithm::kWinograd6};

bool is_winograd(ConvAlgorithm algorithm) { return algorithm >= ConvAlgorithm::kWinograd2; }

}  // namespace

double conv_flops(const ConvLayer& layer, const ConvShape& shape) {
  const std::int64_t group_channels = layer.in_channels / layer.groups;
  double flops = 2.0 * static_cast<double>(shape.batch) * static_cast<double>(group_channels) *
                 static_cast<double>(layer.out_channels);
  const std::int64_t* points = layer.transposed ? shape.in : shape.out;
  for (int d = 0; d < 3; ++d) flops *= static_cast<double>(points[d] * layer.kernel[d]);
  return flops;
}

std::int64_t wanted_units(double seconds, int threads) {
  const double longest = seconds / 0.5e-3;
  const double balanced = threads > 1 ? std::min(4.0 * threads, seconds / 4e-6) : 1.0;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::max(longest, balanced)));
}

std::string_view conv_algorithm_name(ConvAlgorithm algorithm) {
  constexpr std::string_view names[] = {"direct",       "direct_plain", "depthwise",   "winograd_2x2",
                                        "winograd_4x4", "winograd_5x5", "winograd_6x6"};
  return names[static_cast<int>(algorithm)];
}

std::string_view conv_decline(const ConvLayer& layer, ConvAlgorithm algorithm, Isa isa) {
  if (layer.groups < 1 || layer.in_channels < 1 || layer.out_channels < 1)
    return "channels and groups must be positive";
  if (layer.in_channels % layer.groups != 0 || layer.out_channels % layer.groups != 0)
    return "groups must divide channels";
  for (int d = 0; d < 3; ++d) {
    if (layer.kernel[d] < 1 || layer.stride[d] < 1 || layer.dilation[d] < 1)
      return "extents and steps must be positive";
  }
  if (layer.scaled_input && (algorithm != ConvAlgorithm::kDirect || layer.input != ConvElement::kF32)) {
    return "direct kernels of f32 alone scale their inputs";
  }
  if (layer.input != ConvElement::kF32) {
    const bool winograd = layer.input == ConvElement::kBf16 && algorithm == ConvAlgorithm::kWinograd2;
    if (algorithm != ConvAlgorithm::kDirect && algorithm != ConvAlgorithm::kDepthwise && !winograd) {
      return "bf16 and integers have direct and depthwise kernels, bf16 winograd_2x2";
    }
    if (layer.output_layout == Layout::kPlain) return "bf16 and integer outputs are blocked";
    if (layer.input == ConvElement::kS32) return "32-bit integers are no input";
    if (layer.rounds_input) {
      if (layer.input != ConvElement::kBf16) return "inputs are rounded to bf16 alone";
      if (layer.input_layout == Layout::kPlain) return "inputs to round are blocked";
      if (algorithm == ConvAlgorithm::kDepthwise) return "depthwise: does not round its input";
    }
    if (layer.input == ConvElement::kBf16) {
      if (isa < Isa::kBf16) return "bf16 needs avx512_bf16";
      if (layer.output != ConvElement::kF32 && layer.output != ConvElement::kBf16) return "bf16 gives f32 or bf16";
    }
    if (algorithm == ConvAlgorithm::kDirect) return {};
    if (algorithm == ConvAlgorithm::kDepthwise && (layer.kernel[0] != 1 || layer.stride[0] != 1))
      return "depthwise: bf16 and integers have no depth";
    if (layer.kernel[1] * layer.kernel[2] > 256) return "depthwise: sums beyond 256 taps are not exact";
  } else if (layer.output != ConvElement::kF32) {
    return "f32 inputs give f32 outputs";
  }
  const bool plain_input = layer.input_layout == Layout::kPlain;
  const bool plain_output = layer.output_layout == Layout::kPlain;
  switch (algorithm) {
    case ConvAlgorithm::kDirect:
      if (plain_input) return "direct: reads blocked inputs";
      return {};
    case ConvAlgorithm::kDirectPlain:
      if (!plain_input) return "direct_plain: reads plain inputs";
      return {};
    case ConvAlgorithm::kDepthwise:
      if (plain_input || plain_output) return "depthwise: works on blocked layouts";
      if (layer.transposed) return "depthwise: not for transposed convolutions";
      if (layer.groups != layer.in_channels || layer.in_channels != layer.out_channels) {
        return "depthwise: every channel must be a group of its own";
      }
      return {};
    default:
      break;
  }
  if (plain_input || plain_output) return "winograd: works on blocked layouts";
  if (layer.transposed) return "winograd: not for transposed convolutions";
  for (int d = 0; d < 3; ++d) {
    if (layer.kernel[d] != (d == 0 ? 1 : 3)) return "winograd: kernels of 3 x 3 only";
    if (layer.stride[d] != 1) return "winograd: stride 1 only";
    if (d > 0 && layer.dilation[d] != 1) return "winograd: dilation 1 only";
  }
  return {};
}

ConvKernel conv_kernel(const ConvLayer& layer, ConvAlgorithm algorithm, Isa isa) {
  ConvKernel kernel;
  kernel.layer = layer;
  kernel.algorithm = algorithm;
  kernel.isa = isa;
  steps_of(algorithm).size(kernel);
  return kernel;
}

bool conv_serves(const ConvLayer& layer, Isa isa) {
  return std::any_of(std::begin(kAlgorithms), std::end(kAlgorithms),
                     [&](ConvAlgorithm algorithm) { return conv_decline(layer, algorithm, isa).empty(); });
}

std::vector<ConvCandidate> conv_candidates(const ConvLayer& layer, const ConvShape& expected,
                                           const ConvPolicy& policy) {
  std::vector<ConvCandidate> list;
  for (const ConvAlgorithm algorithm : kAlgorithms) {
    if (!conv_decline(layer, algorithm, policy.isa).empty()) continue;
    const bool winograd = is_winograd(algorithm);
    if (winograd) {
      if (!policy.allow_winograd) continue;
      const bool widest = layer.input == ConvElement::kF32 ? algorithm == ConvAlgorithm::kWinograd4
                                                           : algorithm == ConvAlgorithm::kWinograd2;
      if (policy.dynamic_shape && !widest) continue;
    }
    ConvCandidate candidate{conv_kernel(layer, algorithm, policy.isa), 0.0};
    if (winograd && candidate.kernel.packed_bytes > policy.winograd_bytes) continue;
    candidate.seconds = conv_seconds(candidate.kernel, expected, policy.threads);
    if (!list.empty() && candidate.seconds >= kWorthRounding * list.back().seconds) continue;
    if (!winograd) list.clear();
    list.push_back(candidate);
  }
  return list;
}

ConvKernel conv_choose(const ConvLayer& layer, const ConvShape& expected, const ConvPolicy& policy) {
  const std::vector<ConvCandidate> list = conv_candidates(layer, expected, policy);
  return list.empty() ? ConvKernel{} : list.back().kernel;
}

double conv_seconds(const ConvKernel& kernel, const ConvShape& shape, int threads) {
  return steps_of(kernel.algorithm).seconds(kernel, shape, std::max(threads, 1));
}

std::int64_t conv_pack_units(const ConvKernel& kernel) { return steps_of(kernel.algorithm).pack_units(kernel); }

void conv_pack(const ConvKernel& kernel, const ConvWeights& weights, void* packed, std::int64_t first,
               std::int64_t last) {
  count_packing();
  const ConvSource source{weights, nullptr};
  steps_of(kernel.algorithm).pack(kernel, source, static_cast<float*>(packed), first, last);
}

void conv_pack(const ConvKernel& kernel, const ConvIntegerWeights& weights, void* packed, std::int64_t first,
               std::int64_t last) {
  count_packing();
  const ConvSource source{{}, &weights};
  steps_of(kernel.algorithm).pack(kernel, source, static_cast<float*>(packed), first, last);
}

void conv_pack(const ConvKernel& kernel, const ConvWeights& weights, void* packed) {
  conv_pack(kernel, weights, packed, 0, conv_pack_units(kernel));
}

ConvPlan conv_plan(const ConvKernel& kernel, const ConvShape& shape, int threads) {
  ConvPlan plan;
  plan.kernel = kernel;
  plan.shape = shape;
  steps_of(kernel.algorithm).plan(plan, std::max(threads, 1));
  return plan;
}

void conv_run(const ConvPlan& plan, const ConvBuffers& buffers, int phase, std::int64_t first, std::int64_t last,
              void* thread_scratch) {
  steps_of(plan.kernel.algorithm).run(plan, buffers, phase, first, last, static_cast<float*>(thread_scratch));
}

}  // namespace oriel::kernels
