// Softmax and the normalisations, in f32; layer and RMS normalisation round their result where all readers would.
#include <algorithm>
#include <cmath>

#include "devices/cpu/narrow.h"
#include "kernels/elementwise/cast.h"
#include "kernels/norm/norm.h"
#include "kernels/softmax/softmax.h"

namespace oriel::cpu {
namespace {

using namespace kernels;

std::string decline_f32(const Node& node, const CompileOptions&) {
  if (node.input(0)->element() != ElementType::kF32)
    return formatted("no kernel for {}", element_name(node.input(0)->element()));
  return {};
}

std::int64_t product(const Dims& dims, std::size_t first, std::size_t last) {
  std::int64_t p = 1;
  for (std::size_t i = first; i < last; ++i) p *= dims[i];
  return p;
}

void lower_softmax(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool logarithm = node.op().name == "LogSoftmax";
  const std::int64_t axis = node.attributes().get_int("axis");
  Lowering::StepSpec spec;
  spec.inputs = {lowering.plain(node.input(0))};
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.in_place = {0};
  spec.kernel = logarithm ? "log_softmax_f32" : "softmax_f32";
  spec.run = [logarithm, axis](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const float* from = x.data<float>();
    SoftmaxShape shape{1, 1, 1};
    if (x.rank() > 0) {
      const auto a = static_cast<std::size_t>(normalize_axis(axis, x.rank()));
      shape = {product(x.dims(), 0, a), x.dim(a), product(x.dims(), a + 1, x.rank())};
    }
    Tensor& y = outputs.allocate(0, ElementType::kF32, x.dims());
    float* to = y.data<float>();
    const std::int64_t grain = std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(shape.axis, 1));
    parallel(context, y.size() == 0 ? 0 : softmax_units(shape), shape.inner == 1 ? grain : 1,
             [&](std::int64_t first, std::int64_t last, int) {
               (logarithm ? log_softmax_f32 : softmax_f32)(shape, from, to, first, last, max_isa());
             });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_layer_norm(const Node& node, const CompileOptions& options) {
  if (std::string sentence = decline_f32(node, options); !sentence.empty()) return sentence;
  for (std::size_t i = 1; i < node.num_inputs(); ++i) {
    if (node.input(i) != nullptr && node.input(i)->element() != ElementType::kF32)
      return "scale or bias of another type";
  }
  for (const Value* v : node.outputs()) {
    if (v->element() != ElementType::kF32) return "a result of another type";
  }
  return {};
}

// Rows [first, last) of n, rounded to bf16 by way of `own`, which holds `rows` rows.
void narrow_layer_norm(const LayerNorm& n, std::int64_t first, std::int64_t last, std::uint16_t* y, float* own,
                       std::int64_t rows) {
  for (std::int64_t r = first; r < last; r += rows) {
    const std::int64_t count = std::min(rows, last - r);
    LayerNorm part = n;
    part.x = n.x + r * n.columns;
    part.y = own;
    if (n.mean != nullptr) part.mean = n.mean + r;
    if (n.inverse_deviation != nullptr) part.inverse_deviation = n.inverse_deviation + r;
    layer_norm_f32(part, 0, count);
    cast(ElementType::kF32, ElementType::kBF16, own, y + r * n.columns, count * n.columns);
  }
}

void lower_layer_norm(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool rms = node.op().name != "LayerNormalization";
  const std::int64_t axis = node.attributes().get_int("axis", -1);
  const float epsilon = node.attributes().get_float("epsilon", 1e-5F);
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < 3; ++i) spec.inputs.push_back(lowering.plain(node.input(i)));
  const bool narrow = is_read_narrow(lowering, unit.output, false);
  for (const Value* v : node.outputs()) {
    spec.outputs.push_back(narrow && v == unit.output ? lowering.narrow_output(v) : lowering.plain_output(v));
  }
  if (!narrow) spec.in_place = {0};
  spec.kernel = rms ? "rms_norm_f32" : "layer_norm_f32";
  spec.run = [rms, axis, epsilon, narrow](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    const auto a = static_cast<std::size_t>(normalize_axis(axis, x.rank()));
    LayerNorm n;
    n.x = x.data<float>();
    n.columns = product(x.dims(), a, x.rank());
    n.rms = rms;
    n.epsilon = epsilon;
    const std::int64_t rows = product(x.dims(), 0, a);
    const auto parameter = [&](std::size_t i) -> const float* {
      if (!inputs.has(i)) return nullptr;
      ORIEL_REQUIRE(inputs[i].size() == n.columns, "input {} has {} elements, expected {}", i, inputs[i].size(),
                    n.columns);
      return inputs[i].data<float>();
    };
    n.scale = parameter(1);
    n.bias = rms ? nullptr : parameter(2);
    Dims reduced = x.dims();
    for (std::size_t i = a; i < reduced.size(); ++i) reduced[i] = 1;
    Tensor& y = outputs.allocate(0, narrow ? ElementType::kBF16 : ElementType::kF32, x.dims());
    if (!narrow) n.y = y.data<float>();
    if (outputs.size() > 1 && outputs.wanted(1)) n.mean = outputs.allocate(1, ElementType::kF32, reduced).data<float>();
    if (outputs.size() > 2 && outputs.wanted(2))
      n.inverse_deviation = outputs.allocate(2, ElementType::kF32, reduced).data<float>();
    const std::int64_t grain = std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(n.columns, 1));
    if (narrow) {
      const std::int64_t at_once = std::max<std::int64_t>(1, 2048 / std::max<std::int64_t>(n.columns, 1));
      const std::int64_t each = at_once * n.columns + 16;
      auto* scratch = static_cast<float*>(
          context.scratch(static_cast<std::size_t>(each * context.threads.threads()) * sizeof(float)));
      auto* to = static_cast<std::uint16_t*>(y.raw());
      parallel(context, rows, grain, [&](std::int64_t first, std::int64_t last, int slot) {
        narrow_layer_norm(n, first, last, to, scratch + slot * each, at_once);
      });
      return;
    }
    parallel(context, rows, grain, [&](std::int64_t first, std::int64_t last, int) { layer_norm_f32(n, first, last); });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_layer_norm_rank(const Node& node, const CompileOptions& options) {
  const Shape& shape = node.input(0)->shape();
  if (!shape.is_ranked() || shape.rank() == 0) return "an operand of unknown rank";
  // Scales that broadcast instead of covering the normalised axes have no kernel.
  for (std::size_t i = 1; i < node.num_inputs(); ++i) {
    if (node.input(i) == nullptr) continue;
    const auto axis = static_cast<std::size_t>(normalize_axis(node.attributes().get_int("axis", -1), shape.rank()));
    Dim columns(1);
    for (std::size_t d = axis; d < shape.rank(); ++d) columns = columns * shape[d];
    if (!node.input(i)->shape().elements().same(columns)) return "a scale or bias that is broadcast";
  }
  return decline_layer_norm(node, options);
}

bool instance_norm_reads_blocked(const Node& node, std::size_t input) {
  const Shape& shape = node.input(0)->shape();
  return input == 0 && shape.is_ranked() && shape.rank() >= 3 && decline_f32(node, {}).empty();
}

void lower_blocked_instance_norm(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  Lowering::StepSpec spec;
  spec.inputs = {lowering.blocked(node.input(0)), lowering.plain(node.input(1)), lowering.plain(node.input(2))};
  spec.outputs = {lowering.blocked_output(unit.output)};
  spec.in_place = {0};
  spec.kernel = "instance_norm_f32";
  spec.algorithm = "blocked";
  spec.run = [epsilon = node.attributes().get_float("epsilon", 1e-5F)](const Inputs& inputs, OutputSink& outputs,
                                                                       RunContext& context) {
    const Tensor& x = inputs[0];
    BlockedInstanceNorm n;
    n.x = static_cast<const float*>(x.raw());
    n.channels = x.dim(1);
    n.inner = product(x.dims(), 2, x.rank());
    n.epsilon = epsilon;
    for (std::size_t i = 1; i < 3; ++i) {
      ORIEL_REQUIRE(inputs[i].size() == n.channels, "input {} has {} elements, expected {}", i, inputs[i].size(),
                    n.channels);
    }
    n.scale = inputs[1].data<float>();
    n.bias = inputs[2].data<float>();
    const std::int64_t units = x.dim(0) * ((n.channels + 15) / 16);
    Tensor& y = outputs.allocate(0, ElementType::kF32, x.dims());
    n.y = static_cast<float*>(y.raw());
    parallel(context, units, 1,
             [&](std::int64_t first, std::int64_t last, int) { blocked_instance_norm_f32(n, first, last); });
  };
  lowering.step(unit, std::move(spec));
}

void lower_group_norm(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool instance = node.op().name == "InstanceNormalization";
  if (instance && lowering.is_blocked(node.input(0)) && instance_norm_reads_blocked(node, 0))
    return lower_blocked_instance_norm(lowering, unit);
  const std::int64_t groups = instance ? 0 : node.attributes().get_int("num_groups");
  const float epsilon = node.attributes().get_float("epsilon", 1e-5F);
  Lowering::StepSpec spec;
  for (std::size_t i = 0; i < 3; ++i) spec.inputs.push_back(lowering.plain(node.input(i)));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.in_place = {0};
  spec.kernel = instance ? "instance_norm_f32" : "group_norm_f32";
  spec.run = [groups, epsilon](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() >= 2, "input of shape {}, expected a rank of 2 or more", to_string(x.dims()));
    GroupNorm n;
    n.x = x.data<float>();
    n.channels = x.dim(1);
    n.groups = groups > 0 ? groups : n.channels;
    n.inner = product(x.dims(), 2, x.rank());
    n.epsilon = epsilon;
    ORIEL_REQUIRE(n.groups > 0 && n.channels % n.groups == 0, "{} channels in {} groups", n.channels, n.groups);
    for (std::size_t i = 1; i < 3; ++i) {
      ORIEL_REQUIRE(inputs[i].size() == n.channels, "input {} has {} elements, expected {}", i, inputs[i].size(),
                    n.channels);
    }
    n.scale = inputs[1].data<float>();
    n.bias = inputs[2].data<float>();
    Tensor& y = outputs.allocate(0, ElementType::kF32, x.dims());
    n.y = y.data<float>();
    parallel(context, y.size() == 0 ? 0 : x.dim(0) * n.groups, 1,
             [&](std::int64_t first, std::int64_t last, int) { group_norm_f32(n, first, last); });
  };
  lowering.step(unit, std::move(spec));
}

std::string decline_batch_norm(const Node& node, const CompileOptions& options) {
  if (node.attributes().get_int("training_mode", 0) != 0) return "training mode";
  if (!node.input(0)->shape().is_ranked() || node.input(0)->shape().rank() < 2) return "an operand of unknown rank";
  for (std::size_t i = 1; i < 5; ++i) {
    if (constant_f32(node.input(i)).empty()) return "statistics that are no f32 constants";
  }
  return decline_f32(node, options);
}

// Points of a blocked tensor that one call normalises, and those whose parameters lie side by side.
constexpr std::int64_t kPoints = 128;
constexpr std::int64_t kRepeated = 16;

// Parameters by channel, those of every 16 channels kRepeated times over.
std::vector<float> repeated(const std::vector<float>& x) {
  std::vector<float> out;
  out.reserve(x.size() * static_cast<std::size_t>(kRepeated));
  for (std::size_t block = 0; block < x.size(); block += 16) {
    for (std::int64_t i = 0; i < kRepeated; ++i)
      out.insert(out.end(), x.begin() + static_cast<std::ptrdiff_t>(block),
                 x.begin() + static_cast<std::ptrdiff_t>(block + 16));
  }
  return out;
}

// `points` points of 16 channels, whose parameters are repeated.
void affine_points(ChannelAffine n, std::int64_t points) {
  n.inner = 1;
  n.channels = 16 * kRepeated;
  const std::int64_t whole = points / kRepeated;
  channel_affine_f32(n, 0, whole);
  n.x += whole * n.channels;
  n.y += whole * n.channels;
  n.channels = points % kRepeated * 16;
  channel_affine_f32(n, 0, 1);
}

void lower_batch_norm(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const std::vector<float> gamma = constant_f32(node.input(1));
  const std::vector<float> beta = constant_f32(node.input(2));
  const std::vector<float> mean = constant_f32(node.input(3));
  const std::vector<float> variance = constant_f32(node.input(4));
  const double epsilon = node.attributes().get_float("epsilon", 1e-5F);
  // In the blocked layout the parameters of the padded lanes are zeros, which keeps them zero.
  const std::size_t lanes = (gamma.size() + 15) / 16 * 16;
  std::vector<float> scale(lanes, 0.0F);
  std::vector<float> shift(lanes, 0.0F);
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double s = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + epsilon);
    scale[c] = static_cast<float>(s);
    shift[c] = static_cast<float>(beta[c] - mean[c] * s);
  }
  const Value* x = node.input(0);
  const bool blocked = lowering.is_blocked(x);
  const bool narrow = blocked && is_read_narrow(lowering, unit.output, true);
  Lowering::StepSpec spec;
  spec.inputs = {blocked ? lowering.blocked(x) : lowering.plain(x)};
  spec.outputs = {narrow    ? lowering.narrow_output(unit.output)
                  : blocked ? lowering.blocked_output(unit.output)
                            : lowering.plain_output(unit.output)};
  if (!narrow) spec.in_place = {0};
  spec.kernel = "channel_affine_f32";
  if (blocked) {
    scale = repeated(scale);
    shift = repeated(shift);
  }
  spec.run = [scale, shift, activation = unit.activation, channels = static_cast<std::int64_t>(gamma.size()), blocked,
              narrow](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    ORIEL_REQUIRE(in.rank() >= 2 && in.dim(1) == channels, "input of shape {}, expected {} channels",
                  to_string(in.dims()), channels);
    const auto* from = static_cast<const float*>(in.raw());
    Tensor& out = outputs.allocate(0, narrow ? ElementType::kBF16 : ElementType::kF32, in.dims());
    auto* to = static_cast<float*>(out.raw());
    const std::int64_t inner = product(in.dims(), 2, in.rank());
    ChannelAffine n;
    n.activation = activation;
    if (!blocked) {
      n.x = from;
      n.y = to;
      n.channels = channels;
      n.inner = inner;
      n.scale = scale.data();
      n.bias = shift.data();
      parallel(context,
               out.size() == 0 ? 0
               : inner == 1    ? in.dim(0)
                               : in.dim(0) * channels,
               std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(inner == 1 ? channels : inner, 1)),
               [&](std::int64_t first, std::int64_t last, int) { channel_affine_f32(n, first, last); });
      return;
    }
    // Each block of 16 channels is an array of points with 16 channels last.
    const std::int64_t blocks = (channels + 15) / 16;
    parallel(context, in.dim(0) * blocks, 1, [&, shared = n](std::int64_t first, std::int64_t last, int) {
      ChannelAffine n = shared;
      alignas(64) float own[kPoints * 16];
      for (std::int64_t b = first; b < last; ++b) {
        n.scale = scale.data() + b % blocks * 16 * kRepeated;
        n.bias = shift.data() + b % blocks * 16 * kRepeated;
        for (std::int64_t p = 0; p < inner; p += kPoints) {
          const std::int64_t at = (b * inner + p) * 16;
          const std::int64_t points = std::min(kPoints, inner - p);
          n.x = from + at;
          n.y = narrow ? own : to + at;
          affine_points(n, points);
          if (narrow)
            cast(ElementType::kF32, ElementType::kBF16, own, static_cast<std::uint16_t*>(out.raw()) + at, points * 16);
        }
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

bool batch_norm_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && node.input(0)->shape().rank() >= 3 && decline_batch_norm(node, {}).empty();
}

std::string decline_lrn(const Node& node, const CompileOptions& options) {
  const Shape& shape = node.input(0)->shape();
  if (!shape.is_ranked() || shape.rank() < 2) return "an operand of unknown rank";
  return decline_f32(node, options);
}

bool lrn_reads_blocked(const Node& node, std::size_t input) {
  return input == 0 && node.input(0)->shape().rank() >= 3 && decline_lrn(node, {}).empty();
}

void lower_lrn(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const Value* x = node.input(0);
  const bool blocked = lowering.is_blocked(x) && lrn_reads_blocked(node, 0);
  Lrn n;
  n.size = node.attributes().get_int("size");
  n.alpha = node.attributes().get_float("alpha");
  n.beta = node.attributes().get_float("beta");
  n.bias = node.attributes().get_float("bias");
  n.blocked = blocked;
  Lowering::StepSpec spec;
  spec.inputs = {blocked ? lowering.blocked(x) : lowering.plain(x)};
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.kernel = "lrn_f32";
  spec.algorithm = blocked ? "blocked" : "plain";
  spec.run = [layer = n](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    ORIEL_REQUIRE(in.rank() >= 2, "input of shape {}, expected a rank of 2 or more", to_string(in.dims()));
    Tensor& out = outputs.allocate(0, ElementType::kF32, in.dims());
    if (out.size() == 0) return;
    Lrn run = layer;
    run.x = static_cast<const float*>(in.raw());
    run.y = static_cast<float*>(out.raw());
    run.channels = in.dim(1);
    run.inner = product(in.dims(), 2, in.rank());
    const std::int64_t room = lrn_scratch_floats(run);
    auto* scratch = static_cast<float*>(
        context.scratch(static_cast<std::size_t>(room * context.threads.threads()) * sizeof(float)));
    const std::int64_t grain = std::max<std::int64_t>(1, 16384 / run.channels);
    parallel(context, in.dim(0) * run.inner, grain, [&](std::int64_t first, std::int64_t last, int slot) {
      lrn_f32(run, first, last, scratch + slot * room);
    });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> norm_rules() {
  return {{"Softmax", decline_f32, lower_softmax},
          {"LogSoftmax", decline_f32, lower_softmax},
          {"LayerNormalization", decline_layer_norm_rank, lower_layer_norm},
          {"RMSNormalization", decline_layer_norm_rank, lower_layer_norm},
          {"InstanceNormalization", decline_f32, lower_group_norm, instance_norm_reads_blocked},
          {"GroupNormalization", decline_f32, lower_group_norm},
          {"BatchNormalization", decline_batch_norm, lower_batch_norm, batch_norm_reads_blocked},
          {"LRN", decline_lrn, lower_lrn, lrn_reads_blocked}};
}

}  // namespace oriel::cpu
