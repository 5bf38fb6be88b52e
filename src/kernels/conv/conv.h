// Convolution: direct, Winograd and depthwise kernels behind one interface, from layer description to work units.
//
// How a caller uses it:
//   1. ConvLayer describes what never changes; conv_choose(layer, expected shape, policy) picks algorithm and packing.
//   2. conv_pack(kernel, weights, bias, packed) fills kernel.packed_bytes bytes, once.
//   3. conv_plan(kernel, shape, threads) cuts one shape into phases and independent work units. It is cheap and
//   allocates
//      nothing, so a dynamic shape is planned on entry with the weights as they are.
//   4. For each phase in order: conv_run(plan, buffers, phase, first, last, scratch) over disjoint ranges of units, on
//   any
//      threads in any order, each with thread_scratch_bytes of its own (64-byte aligned, contents irrelevant).
//      All units of a phase must have finished before the next phase starts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/cpu_features.h"
#include "kernels/activation.h"
#include "kernels/conv/element.h"

namespace oriel::kernels {

/// Channels in one block of the blocked layout.
inline constexpr std::int64_t kChannelBlock = 16;

/// How activations lie in memory.
///   kPlain:   [N][C][D][H][W].
///   kBlocked: [N][ceil(C / 16)][D][H][W][16]; channels beyond C are zero. Kernels rely on these zeros in their inputs
///             and write them to their outputs, whatever the activation. Buffers start at 64-byte boundaries.
enum class Layout : std::uint8_t { kPlain, kBlocked };

/// Whether an addend (of the output's shape and layout) joins before or after the activation.
enum class Residual : std::uint8_t { kNone, kBeforeActivation, kAfterActivation };

/// What stays the same for all shapes. Spatial arrays are (depth, height, width); absent leading dimensions are 1.
///   Convolution: y[n, o, p] = f(bias[o] + sum over c of o's group, k:  w[o, c, k] x[n, c, p * stride - pad + k *
///   dilation]), transposed:  y[n, o, q] gathers w[c, o, k] x[n, c, p] with q = p * stride - pad + k * dilation.
/// Reads outside the input are zeros.
struct ConvLayer {
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  std::int64_t groups = 1;  ///< divides both
  std::int64_t kernel[3] = {1, 1, 1};
  std::int64_t stride[3] = {1, 1, 1};
  std::int64_t dilation[3] = {1, 1, 1};
  bool transposed = false;
  Layout input_layout = Layout::kBlocked;
  Layout output_layout = Layout::kBlocked;
  Residual residual = Residual::kNone;
  Activation activation;

  /// kF32: all f32. kBf16: bf16 inputs, weights packed from f32, f32 sums; output and residual kF32 or kBf16. What is
  /// rounded to bf16 goes to the nearest, ties to even; subnormals may become zeros.
  /// kU8, kS8: acc = bias + sum (w - weight zero)(x - input_zero) in 32-bit integers; output kS32 is acc itself; others
  /// are
  ///   y = f(acc * scale[o] + offset[o] (+ residual)), a byte output round(y / output_scale) + output_zero, to nearest
  ///   even and saturated. A byte residual r counts as (r - residual_zero) * residual_scale. Padded lanes are zero
  ///   bytes.
  ConvElement input = ConvElement::kF32;
  ConvElement output = ConvElement::kF32;
  ConvElement residual_element = ConvElement::kF32;
  std::int32_t input_zero = 0;
  std::int32_t output_zero = 0;
  std::int32_t residual_zero = 0;
  float output_scale = 1.0F;
  float residual_scale = 1.0F;
  float middle_step = 0.0F;   ///< > 0: f(...) is rounded to multiples of it before a residual joins after it
  bool scaled_input = false;  ///< x is the input times ConvBuffers::input_scale, by channel; f32 alone
  bool rounds_input = false;  ///< kBf16: the input lies blocked in memory as f32, and is rounded as it is read
  /// conv_wide_words of the weights: VNNI multiplies what is beyond a signed byte apart; -1 costs VNNI.
  std::int64_t wide_words = 0;
};

/// Weights of an integer layer.
struct ConvIntegerWeights {
  const void* weights = nullptr;  ///< int8_t or uint8_t, in the order of f32 weights
  bool is_signed = true;
  const std::int32_t* zero = nullptr;  ///< null: 0; else one value, or one for every output channel
  bool zero_per_channel = false;
  const std::int32_t* bias = nullptr;  ///< [out_channels] or null: joins the integer sum
  const float* scale = nullptr;        ///< [out_channels] or null: 1
  const float* offset = nullptr;       ///< [out_channels] or null: 0
};

/// One binding of the dynamic part. `out` is the caller's: ends beyond the input read zeros, so trailing padding, ceil
/// modes and output_padding need no words of their own. Extents may be zero.
struct ConvShape {
  std::int64_t batch = 1;
  std::int64_t in[3] = {1, 1, 1};
  std::int64_t out[3] = {1, 1, 1};
  std::int64_t pad[3] = {0, 0, 0};  ///< at the beginning of each dimension; may be negative (cropping)
};

enum class ConvAlgorithm : std::uint8_t {
  kDirect,       ///< register tiles of pixels x channels; blocked inputs, or plain ones of narrow types
  kDirectPlain,  ///< plain f32 inputs, for first layers with few channels
  kDepthwise,    ///< groups == in_channels == out_channels
  kWinograd2,    ///< F(2x2, 3x3)
  kWinograd4,    ///< F(4x4, 3x3)
  kWinograd5,    ///< F(5x5, 3x3)
  kWinograd6,    ///< F(6x6, 3x3)
};

/// "direct", "direct_plain", "depthwise", "winograd_2x2", ...
std::string_view conv_algorithm_name(ConvAlgorithm algorithm);

/// What a choice may depend on besides layer and shape.
struct ConvPolicy {
  Isa isa = max_isa();
  int threads = 1;
  bool allow_winograd = true;               ///< false: only sums of the plain products
  std::int64_t winograd_bytes = INT64_MAX;  ///< most bytes that packed Winograd weights may take
  bool dynamic_shape = false;               ///< the shape given is no bound: Winograd takes F(4x4) or nothing
};

/// A layer with its algorithm: all that packing depends on. Plain data.
struct ConvKernel {
  ConvLayer layer;
  ConvAlgorithm algorithm = ConvAlgorithm::kDirect;
  Isa isa = Isa::kScalar;
  std::int64_t group_width = 16;  ///< output channels that one packed panel of weights serves
  std::int64_t packed_bytes = 0;
};

/// Why `algorithm` cannot serve `layer` at level `isa`, as a sentence; empty if it can.
std::string_view conv_decline(const ConvLayer& layer, ConvAlgorithm algorithm, Isa isa = max_isa());

/// The kernel of a given algorithm; conv_decline must be empty.
ConvKernel conv_kernel(const ConvLayer& layer, ConvAlgorithm algorithm, Isa isa);

/// Whether conv_choose finds a kernel: f32 always; integers unless the output is plain; bf16 where the level has it.
bool conv_serves(const ConvLayer& layer, Isa isa);

/// One way to compute a layer: what it costs in time (conv_seconds); memory is kernel.packed_bytes.
struct ConvCandidate {
  ConvKernel kernel;
  double seconds = 0.0;
};

/// Kernels that accept the layer and fit the policy: the fastest without Winograd's larger weights, then Winograd ones,
/// each larger than the one before, rounding more and worth it (kWorthRounding). Deterministic. conv_serves must be
/// true.
std::vector<ConvCandidate> conv_candidates(const ConvLayer& layer, const ConvShape& expected, const ConvPolicy& policy);

/// A candidate is worth its rounding where it takes less than this share of the time of the one before.
constexpr double kWorthRounding = 0.97;

/// The fastest of conv_candidates, whatever it takes in memory within the policy.
ConvKernel conv_choose(const ConvLayer& layer, const ConvShape& expected, const ConvPolicy& policy);

/// An estimate of the run time on `threads` cores of a nominal 3.6 GHz processor: arithmetic at the algorithm's usual
/// share of peak, plus weights that stream from beyond the second-level cache.
double conv_seconds(const ConvKernel& kernel, const ConvShape& shape, int threads);

/// What an f32 or bf16 layer is packed from. All are f32; `weights` may lie at any byte.
struct ConvWeights {
  const float* weights = nullptr;  ///< [out_channels][in_channels / groups][kd][kh][kw]; transposed:
                                   ///< [in_channels][out_channels / groups]...
  const float* bias = nullptr;     ///< [out_channels] or null: 0
  const float* scale = nullptr;    ///< [out_channels] or null: factors of the weights (not of the bias)
};

/// Packs into `packed`: kernel.packed_bytes at a 64-byte boundary, all of them written once.
void conv_pack(const ConvKernel& kernel, const ConvWeights& weights, void* packed);

/// The same in parts: any disjoint ranges of [0, conv_pack_units) may run on different threads; unit 0 packs the bias.
std::int64_t conv_pack_units(const ConvKernel& kernel);
void conv_pack(const ConvKernel& kernel, const ConvWeights& weights, void* packed, std::int64_t first,
               std::int64_t last);

/// The same for integer layers.
void conv_pack(const ConvKernel& kernel, const ConvIntegerWeights& weights, void* packed, std::int64_t first,
               std::int64_t last);

/// How many words of four input channels, as VNNI's packed panels hold them, have a weight less its zero point that is
/// no signed byte; -1 where what it is beyond one is none either.
std::int64_t conv_wide_words(const ConvLayer& layer, const ConvIntegerWeights& weights);

/// How one shape is cut. Everything after `shared_scratch_bytes` belongs to the algorithms.
struct ConvPlan {
  ConvKernel kernel;
  ConvShape shape;
  int phases = 1;                         ///< 1 or 2
  std::int64_t units[2] = {0, 0};         ///< independent units of each phase
  std::int64_t thread_scratch_bytes = 0;  ///< for each thread that calls conv_run
  std::int64_t shared_scratch_bytes = 0;  ///< one buffer for the whole run, in ConvBuffers

  std::int64_t passes[3] = {1, 1, 1};     // output residues of a transposed convolution
  std::int64_t bands_y = 1, bands_x = 1;  // spatial cuts of one pass
  std::int64_t rows = 0, columns = 0;     // their greatest extents
  std::int64_t panels = 0;                // panels of weights, for all groups
  std::int64_t panel_parts = 1;           // cuts of the panels
  std::int64_t channel_parts = 1;         // cuts of the input channels
  std::int64_t tiles_y = 0, tiles_x = 0;  // Winograd tiles of one image
  bool in_place = false;                  // reads the input where it lies
  bool pointwise = false;                 // the pixels of an image are one row
  bool flat = false;                      // pixel tiles may cross rows
};

ConvPlan conv_plan(const ConvKernel& kernel, const ConvShape& shape, int threads);

/// Pointers of one run. `output` may not overlap anything else, except that it may equal a `residual` of
/// its own element type.
struct ConvBuffers {
  const void* input = nullptr;
  const void* residual = nullptr;  ///< null unless the layer has one
  void* output = nullptr;
  const void* packed = nullptr;
  void* shared_scratch = nullptr;
  /// Integer layers, where they are known at run time alone: bias and scale instead of the packed ones, out_channels
  /// rounded up to 32 of them. Null: as packed. The bias joins the sums that conv_sums_see_zero speaks of.
  const std::int32_t* bias = nullptr;
  const float* scale = nullptr;
  /// Of a scaled input: [channels rounded up to 16] for every image, `input_scale_stride` floats apart (0: the same).
  const float* input_scale = nullptr;
  std::int64_t input_scale_stride = 0;
};

/// Whether the sums of an integer kernel are of inputs as they are, so that the packed bias takes back what the zero
/// point adds: zero point (plus 128 for kS8) times the sum of an output channel's weights. Others subtract the layer's
/// input_zero from the inputs, whatever it was when the weights were packed.
bool conv_sums_see_zero(const ConvKernel& kernel);

/// Runs units [first, last) of one phase. Numeric promise: direct and depthwise sum in f32, in an order that depends on
/// layer, level and algorithm alone (not on threads); inputs that are not finite may spread NaN within their block of
/// 16 channels when groups > 1. Winograd, relative to the rms of the exact output for He-scaled weights: F2 and F4 rms
/// 4e-6, maximum 4e-5; F5 1e-5, 1e-4; F6 2e-5, 2e-4; whole tiles share non-finite values.
void conv_run(const ConvPlan& plan, const ConvBuffers& buffers, int phase, std::int64_t first, std::int64_t last,
              void* thread_scratch);

}  // namespace oriel::kernels
