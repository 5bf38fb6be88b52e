// Fourier transforms of f32: lines of a tensor, and frames of a signal, over the run's threads.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "devices/cpu/fourier.h"
#include "devices/cpu/movement.h"
#include "kernels/fft/fft.h"
#include "ops/scalars.h"

namespace oriel::cpu {
namespace {

using kernels::Fft;

std::string decline(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return type == ElementType::kF32 ? std::string() : formatted("no kernel for {}", element_name(type));
}

Lowering::StepSpec spec_of(Lowering& lowering, const Unit& unit) {
  Lowering::StepSpec spec;
  for (const Value* v : unit.node->inputs()) spec.inputs.push_back(lowering.plain(v));
  spec.outputs = {lowering.plain_output(unit.output)};
  spec.kernel = "fft";
  return spec;
}

/// The transform that the model's shapes tell, made once; others are made by the run that needs them.
class Transforms {
 public:
  Transforms(std::optional<std::int64_t> length, bool inverse) : inverse_(inverse) {
    if (length && *length > 0) known_ = std::make_shared<const Fft>(*length, inverse);
  }
  std::shared_ptr<const Fft> of(std::int64_t length) const {
    return known_ && known_->length() == length ? known_ : std::make_shared<const Fft>(length, inverse_);
  }

 private:
  bool inverse_;
  std::shared_ptr<const Fft> known_;
};

/// Calls line(i, data) for `count` lines; `data` has room for one transform in front of work for it.
template <typename F>
void for_each_line(RunContext& context, std::int64_t count, std::int64_t length, F&& line) {
  constexpr std::int64_t kElementsAThread = 4096;
  const std::int64_t room = (4 * length + 15) / 16 * 16;
  auto* scratch =
      static_cast<float*>(context.scratch(static_cast<std::size_t>(room * context.threads.threads()) * sizeof(float)));
  parallel(context, count, std::max<std::int64_t>(1, kElementsAThread / length),
           [&](std::int64_t first, std::int64_t last, int slot) {
             for (std::int64_t i = first; i < last; ++i) line(i, scratch + slot * room);
           });
}

/// Makes the spectrum of real numbers exactly what it is but for rounding: one half the conjugate of the other.
void make_hermitian(float* spectrum, std::int64_t length) {
  spectrum[1] = 0.0F;
  if (length % 2 == 0) spectrum[length + 1] = 0.0F;
  for (std::int64_t k = 1; k < length - k; ++k) {
    spectrum[2 * (length - k)] = spectrum[2 * k];
    spectrum[2 * (length - k) + 1] = -spectrum[2 * k + 1];
  }
}

std::optional<std::int64_t> known_scalar(const Value* v) {
  if (v == nullptr || v->content() == nullptr || v->content()->size() != 1 || !v->content()->front().is_known())
    return std::nullopt;
  return v->content()->front().value();
}

/// What a DFT is asked for: the transform's length, how many of its results are kept.
struct Extents {
  std::size_t axis;
  std::int64_t parts, extent, length, kept, out_parts;
};

Extents dft_extents(const Inputs& inputs, bool inverse, bool onesided) {
  const Tensor& x = inputs[0];
  Extents e{};
  e.parts = x.rank() < 2 ? 0 : x.dim(x.rank() - 1);
  ORIEL_REQUIRE(e.parts == 1 || e.parts == 2, "an input of shape {}, expected real or complex numbers in the last axis",
                to_string(x.dims()));
  ORIEL_REQUIRE(!onesided || e.parts == (inverse ? 2 : 1),
                "onesided with input of shape {}, expected {} in the last axis", to_string(x.dims()), inverse ? 2 : 1);
  const std::int64_t axis = inputs.has(2) ? ops::whole_scalar(inputs[2]) : -2;
  e.axis = static_cast<std::size_t>(normalize_axis(axis, x.rank()));
  ORIEL_REQUIRE(e.axis + 1 < x.rank(), "axis {} of rank {} is the one of complex numbers", axis, x.rank());
  e.extent = x.dim(e.axis);
  e.length = inputs.has(1) ? ops::whole_scalar(inputs[1]) : inverse && onesided ? 2 * (e.extent - 1) : e.extent;
  ORIEL_REQUIRE(e.length > 0, "the length of the transform is {}, expected 1 or more", e.length);
  e.kept = onesided && !inverse ? e.length / 2 + 1 : e.length;
  e.out_parts = inverse && onesided ? 1 : 2;
  return e;
}

void lower_dft(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool inverse = node.attributes().get_bool("inverse");
  const bool onesided = node.attributes().get_bool("onesided");
  std::optional<std::int64_t> length = known_scalar(node.input(1));
  const Shape& y = node.output()->shape();
  const std::optional<std::int64_t> axis = node.input(2) == nullptr ? -2 : known_scalar(node.input(2));
  if (!length && axis && y.is_ranked() && !(onesided && !inverse)) {
    const Dim& extent = y[static_cast<std::size_t>(normalize_axis(*axis, y.rank()))];
    if (extent.is_known()) length = extent.value();
  }
  Lowering::StepSpec spec = spec_of(lowering, unit);
  spec.run = [inverse, onesided, transforms = Transforms(length, inverse)](const Inputs& inputs, OutputSink& outputs,
                                                                           RunContext& context) {
    const Tensor& x = inputs[0];
    const Extents e = dft_extents(inputs, inverse, onesided);
    Dims dims = x.dims();
    dims[e.axis] = e.kept;
    dims.back() = e.out_parts;
    float* out = outputs.allocate(0, ElementType::kF32, dims).data<float>();
    std::int64_t inner = 1;
    std::int64_t outer = 1;
    for (std::size_t d = 0; d + 1 < dims.size(); ++d) (d < e.axis ? outer : inner) *= d == e.axis ? 1 : dims[d];
    const std::shared_ptr<const Fft> fft = transforms.of(e.length);
    // A one-sided spectrum of real numbers stands for the conjugates of its other half.
    const bool mirrored = onesided && inverse;
    const std::int64_t given = std::min(e.extent, mirrored ? e.length / 2 + 1 : e.length);
    const float scale = inverse ? 1.0F / static_cast<float>(e.length) : 1.0F;
    for_each_line(context, outer * inner, e.length, [&](std::int64_t line, float* data) {
      const float* from = x.data<float>() + (line / inner * e.extent * inner + line % inner) * e.parts;
      std::fill_n(data, 2 * e.length, 0.0F);
      for (std::int64_t k = 0; k < given; ++k) {
        const float* number = from + k * inner * e.parts;
        const float imaginary = e.parts == 2 ? number[1] : 0.0F;
        data[2 * k] = number[0];
        data[2 * k + 1] = imaginary;
        if (mirrored && k > 0 && e.length - k > k) {
          data[2 * (e.length - k)] = number[0];
          data[2 * (e.length - k) + 1] = -imaginary;
        }
      }
      fft->run(data, data + 2 * e.length);
      if (e.parts == 1) make_hermitian(data, e.length);
      float* to = out + (line / inner * e.kept * inner + line % inner) * e.out_parts;
      for (std::int64_t k = 0; k < e.kept; ++k) {
        float* number = to + k * inner * e.out_parts;
        number[0] = data[2 * k] * scale;
        if (e.out_parts == 2) number[1] = data[2 * k + 1] * scale;
      }
    });
  };
  lowering.step(unit, std::move(spec));
}

void lower_stft(Lowering& lowering, const Unit& unit) {
  const Node& node = *unit.node;
  const bool onesided = node.attributes().get_bool("onesided");
  std::optional<std::int64_t> length = known_scalar(node.input(3));
  const Value* shaped = node.input(2);
  if (!length && shaped != nullptr && shaped->shape().is_ranked() && shaped->shape().rank() == 1 &&
      shaped->shape()[0].is_known()) {
    length = shaped->shape()[0].value();
  }
  Lowering::StepSpec spec = spec_of(lowering, unit);
  spec.run = [onesided, transforms = Transforms(length, false)](const Inputs& inputs, OutputSink& outputs,
                                                                RunContext& context) {
    const Tensor& x = inputs[0];
    ORIEL_REQUIRE(x.rank() == 3 && (x.dim(2) == 1 || x.dim(2) == 2),
                  "a signal of shape {}, expected [batch, length, 1 or 2]", to_string(x.dims()));
    const std::int64_t parts = x.dim(2);
    ORIEL_REQUIRE(!onesided || parts == 1, "onesided with a complex signal");
    const std::int64_t step = ops::whole_scalar(inputs[1]);
    ORIEL_REQUIRE(step > 0, "frame_step is {}, expected 1 or more", step);
    std::int64_t frame = x.dim(1);
    const float* window = nullptr;
    if (inputs.has(2)) {
      ORIEL_REQUIRE(inputs[2].rank() == 1, "a window of shape {}, expected rank 1", to_string(inputs[2].dims()));
      frame = inputs[2].dim(0);
      window = inputs[2].data<float>();
    }
    if (inputs.has(3)) {
      const std::int64_t given = ops::whole_scalar(inputs[3]);
      ORIEL_REQUIRE(window == nullptr || given == frame, "frame_length is {} and the window has {} elements", given,
                    frame);
      frame = given;
    }
    ORIEL_REQUIRE(frame > 0, "frame_length is {}, expected 1 or more", frame);
    const std::int64_t frames = x.dim(1) < frame ? 0 : (x.dim(1) - frame) / step + 1;
    const std::int64_t bins = onesided ? frame / 2 + 1 : frame;
    float* out = outputs.allocate(0, ElementType::kF32, {x.dim(0), frames, bins, 2}).data<float>();
    const std::shared_ptr<const Fft> fft = transforms.of(frame);
    for_each_line(context, x.dim(0) * frames, frame, [&](std::int64_t line, float* data) {
      const float* from = x.data<float>() + (line / frames * x.dim(1) + line % frames * step) * parts;
      for (std::int64_t k = 0; k < frame; ++k) {
        const float weight = window != nullptr ? window[k] : 1.0F;
        data[2 * k] = from[k * parts] * weight;
        data[2 * k + 1] = parts == 2 ? from[k * parts + 1] * weight : 0.0F;
      }
      fft->run(data, data + 2 * frame);
      if (parts == 1) make_hermitian(data, frame);
      std::copy_n(data, 2 * bins, out + line * bins * 2);
    });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

std::vector<Rule> fourier_rules() { return {{"DFT", decline, lower_dft}, {"STFT", decline, lower_stft}}; }

}  // namespace oriel::cpu
