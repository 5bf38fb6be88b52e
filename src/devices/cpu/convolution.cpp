// Geometry, weights and the run of convolutions.
#include "devices/cpu/convolution.h"

#include <algorithm>

namespace oriel::cpu {
namespace {

using namespace kernels;

constexpr std::int64_t kMiddlingExtent = 56;

// Spatial entries, right-aligned into (depth, height, width).
void set3(std::int64_t (&to)[3], const Dims& from, std::int64_t fill) {
  for (std::size_t i = 0; i < 3; ++i) to[i] = i + from.size() < 3 ? fill : from[i + from.size() - 3];
}

std::int64_t round(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Bytes of scratch memory for the weights and the bias that a run brings.
std::int64_t brought_bytes(const Convolution& s) {
  if (!s.brought) return 0;
  return round(s.kernel.packed_bytes) + round(4 * s.kernel.layer.out_channels);
}

// Packs what a run brings into `to`, of brought_bytes.
void pack_brought(const Convolution& s, const Inputs& inputs, char* to, RunContext& context) {
  const BroughtWeights& brought = *s.brought;
  const std::int64_t channels = s.kernel.layer.out_channels;
  ORIEL_REQUIRE(inputs[2].dims() == brought.dims, "weights of shape {}, expected {}", to_string(inputs[2].dims()),
                to_string(brought.dims));
  ORIEL_REQUIRE(!inputs.has(3) || inputs[3].dims() == Dims{channels}, "a bias of shape {}, expected {}",
                to_string(inputs[3].dims()), to_string(Dims{channels}));
  auto* bias = reinterpret_cast<float*>(to + round(s.kernel.packed_bytes));
  const float* given = inputs.has(3) ? inputs[3].data<float>() : nullptr;
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto i = static_cast<std::size_t>(c);
    bias[c] = given != nullptr ? given[c] : 0.0F;
    if (!brought.scale.empty()) bias[c] = bias[c] * brought.scale[i] + brought.shift[i];
  }
  const ConvWeights weights{inputs[2].data<float>(), bias, brought.scale.empty() ? nullptr : brought.scale.data()};
  parallel(context, conv_pack_units(s.kernel), 1,
           [&](std::int64_t first, std::int64_t last, int) { conv_pack(s.kernel, weights, to, first, last); });
}

void run(const Convolution& s, const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() == s.rank + 2 && x.dim(1) == s.kernel.layer.in_channels,
                "input of shape {}, expected {} channels and {} spatial axes", to_string(x.dims()),
                s.kernel.layer.in_channels, s.rank);
  Dims dims;
  const ConvShape shape = s.shape(x.dims(), dims);
  Tensor& y = outputs.allocate(0, s.output, dims);
  const int threads = context.threads.threads();
  ConvKernel kernel = s.kernel;
  if (s.run_time && inputs.has(2)) kernel.layer.input_zero = static_cast<std::int32_t>(element_as_i64(inputs[2], 0));
  const ConvPlan plan = conv_plan(kernel, shape, threads);
  const std::int64_t each = round(plan.thread_scratch_bytes);
  const std::int64_t parameters = s.run_time ? round(4 * static_cast<std::int64_t>(s.run_time->scale.size())) : 0;
  const std::int64_t brought = brought_bytes(s);
  char* scratch = static_cast<char*>(context.scratch(
      static_cast<std::size_t>(round(plan.shared_scratch_bytes) + each * threads + 2 * parameters + brought + 64)));
  ConvBuffers buffers;
  if (s.brought) {
    pack_brought(s, inputs, scratch, context);
    buffers.packed = scratch;
    scratch += brought;
  } else {
    buffers.packed = s.packed->data();
  }
  if (s.run_time) {
    auto* scale = reinterpret_cast<float*>(scratch);
    auto* bias = reinterpret_cast<std::int32_t*>(scratch + parameters);
    const float x_scale = inputs.has(1) ? inputs[1].data<float>()[0] : 1.0F;
    const std::int64_t zero = kernel.layer.input_zero + (x.type() == ElementType::kI8 ? 128 : 0);
    for (std::size_t c = 0; c < s.run_time->scale.size(); ++c) {
      scale[c] = x_scale * s.run_time->scale[c];
      bias[c] = static_cast<std::int32_t>(static_cast<std::uint32_t>(-zero * s.run_time->sums[c]));
    }
    buffers.scale = scale;
    if (conv_sums_see_zero(kernel)) buffers.bias = bias;
    scratch += 2 * parameters;
  }
  buffers.input = x.raw();
  buffers.output = y.raw();
  buffers.shared_scratch = scratch;
  if (s.kernel.layer.residual != Residual::kNone) {
    const Tensor& r = inputs[1];
    ORIEL_REQUIRE(r.dims() == dims, "an addend of shape {}, expected {}", to_string(r.dims()), to_string(dims));
    buffers.residual = r.raw();
  }
  if (kernel.layer.scaled_input) {
    const Tensor& f = inputs[buffers.residual == nullptr ? 1 : 2];
    const bool per_image = f.rank() > 0 && f.dim(0) == shape.batch;
    Dims expected(x.rank(), 1);
    if (per_image) expected[0] = shape.batch;
    expected[1] = kernel.layer.in_channels;
    ORIEL_REQUIRE(f.dims() == expected, "factors of shape {}, expected {}", to_string(f.dims()), to_string(expected));
    buffers.input_scale = static_cast<const float*>(f.raw());
    if (per_image) buffers.input_scale_stride = (kernel.layer.in_channels + 15) / 16 * 16;
  }
  char* own = scratch + round(plan.shared_scratch_bytes);
  for (int phase = 0; phase < plan.phases; ++phase) {
    parallel(context, plan.units[phase], 1, [&](std::int64_t first, std::int64_t last, int slot) {
      conv_run(plan, buffers, phase, first, last, own + slot * each);
    });
    context.check();
  }
}

// All of a kernel that its packing may depend on.
std::string packing_of(const ConvKernel& kernel) {
  const ConvLayer& layer = kernel.layer;
  static_assert(sizeof(ConvLayer) == 152 && sizeof(ConvKernel) == 176,
                "a new field that packing depends on belongs here");
  std::string text;
  for (const std::int64_t v :
       {layer.in_channels, layer.out_channels, layer.groups, layer.wide_words, kernel.group_width, kernel.packed_bytes})
    append_bytes(text, v);
  for (int d = 0; d < 3; ++d) {
    for (const std::int64_t v : {layer.kernel[d], layer.stride[d], layer.dilation[d]}) append_bytes(text, v);
  }
  for (const std::int32_t v : {layer.input_zero, layer.output_zero}) append_bytes(text, v);
  append_bytes(text, layer.transposed);
  append_bytes(text, layer.input_layout);
  append_bytes(text, layer.output_layout);
  append_bytes(text, layer.input);
  append_bytes(text, layer.output);
  append_bytes(text, kernel.algorithm);
  append_bytes(text, kernel.isa);
  return text;
}

std::vector<WeightForm> conv_forms(const std::vector<ConvCandidate>& candidates, const Tensor& weights,
                                   const std::string& values, const ConvPacker& pack) {
  std::vector<WeightForm> forms;
  for (const ConvCandidate& candidate : candidates) {
    WeightForm form;
    form.bytes = static_cast<std::size_t>(candidate.kernel.packed_bytes);
    form.seconds = candidate.seconds;
    form.units = conv_pack_units(candidate.kernel);
    form.parameters = "conv" + packing_of(candidate.kernel) + values;
    form.sources = {weights};
    form.pack = [pack, kernel = candidate.kernel](void* to, std::int64_t first, std::int64_t last) {
      pack(kernel, to, first, last);
    };
    forms.push_back(std::move(form));
  }
  return forms;
}

}  // namespace

Convolution Convolution::read(const Attributes& attributes, const Dims& weights, bool transposed,
                              const Dims& extra_pads) {
  Convolution conv;
  conv.rank = weights.size() - 2;
  conv.window = ops::Window::read(attributes, conv.rank, Dims(weights.begin() + 2, weights.end()));
  for (std::size_t i = 0; i < extra_pads.size(); ++i) {
    (i < conv.rank ? conv.window.pads_begin[i] : conv.window.pads_end[i - conv.rank]) += extra_pads[i];
  }
  if (transposed) conv.output_size = ops::OutputSize::read(attributes, conv.rank);
  ConvLayer& layer = conv.kernel.layer;
  layer.transposed = transposed;
  layer.groups = attributes.get_int("group");
  layer.in_channels = transposed ? weights[0] : weights[1] * layer.groups;
  layer.out_channels = transposed ? weights[1] * layer.groups : weights[0];
  set3(layer.kernel, conv.window.kernel, 1);
  set3(layer.stride, conv.window.strides, 1);
  set3(layer.dilation, conv.window.dilations, 1);
  return conv;
}

ConvShape Convolution::shape(const Dims& x, Dims& out) const {
  ops::Window w = window;
  const Dims in(x.begin() + 2, x.end());
  Dims extents;
  if (kernel.layer.transposed) {
    extents = output_size.resolve(w, in);
  } else {
    w.resolve_pads(in);
    for (std::size_t i = 0; i < rank; ++i) extents.push_back(ops::window_extent(w, i, in[i]));
  }
  out = {x[0], kernel.layer.out_channels};
  for (const std::int64_t d : extents) out.push_back(d);
  ConvShape shape;
  shape.batch = x[0];
  set3(shape.in, in, 1);
  set3(shape.out, extents, 1);
  set3(shape.pad, w.pads_begin, 0);
  return shape;
}

ConvShape expected_shape(const Convolution& conv, const Value& input, bool& dynamic) {
  dynamic = false;
  Dims assumed{1, conv.kernel.layer.in_channels};
  const Shape& in_shape = input.shape();
  if (in_shape.is_ranked() && in_shape[0].is_known()) assumed[0] = in_shape[0].value();
  for (std::size_t i = 2; i < conv.rank + 2; ++i) {
    const bool known = in_shape.is_ranked() && in_shape[i].is_known();
    assumed.push_back(known ? in_shape[i].value() : kMiddlingExtent);
    if (!known) dynamic = true;
  }
  Dims extents;
  try {
    return conv.shape(assumed, extents);
  } catch (const Error&) {
    // The middling extent does not fit the window: only the order of magnitude counts.
    ConvShape expected;
    set3(expected.in, Dims(conv.rank, kMiddlingExtent), 1);
    set3(expected.out, Dims(conv.rank, kMiddlingExtent), 1);
    return expected;
  }
}

bool reads_plain(const Lowering& lowering, const Value* input, const ConvLayer& layer) {
  return !lowering.is_blocked(input) && layer.in_channels < kChannelBlock && layer.groups == 1;
}

void emit_convolution(Lowering& lowering, const Unit& unit, const std::shared_ptr<Convolution>& conv,
                      const std::vector<ConvCandidate>& candidates, const Tensor& weights, const std::string& values,
                      const ConvPacker& pack, Lowering::StepSpec spec) {
  conv->packed =
      lowering.weights().add(conv_forms(candidates, weights, values, pack),
                             [conv, candidates](std::size_t form) { conv->kernel = candidates[form].kernel; });
  spec.describe = [conv](StepInfo& info) {
    info.algorithm = std::string(conv_algorithm_name(conv->kernel.algorithm));
    info.packed_bytes = conv->kernel.packed_bytes;
    if (conv->kernel.layer.input == ConvElement::kBf16) info.precision = "bf16";
  };
  spec.run = [conv](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    run(*conv, inputs, outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

void emit_unpacked_convolution(Lowering& lowering, const Unit& unit, const std::shared_ptr<Convolution>& conv,
                               Lowering::StepSpec spec) {
  spec.algorithm = std::string(conv_algorithm_name(conv->kernel.algorithm)) + ", unpacked";
  spec.run = [conv](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    run(*conv, inputs, outputs, context);
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace oriel::cpu
