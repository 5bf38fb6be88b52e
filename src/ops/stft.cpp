// STFT: the Fourier transforms of frames of a signal [batch, length, 1 or 2], each frame_step after the one before and
// multiplied by a window: [batch, frames, bins, 2] with the first half of the bins alone where onesided.
#include "ops/elementwise.h"
#include "ops/fourier.h"
#include "ops/scalars.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_float(c, 0);
  require_whole_scalar(c, 1);
  const Shape signal = c.shape(0).is_ranked() ? c.shape(0) : Shape::of_rank(3);
  if (signal.rank() != 3) fail(ErrorCode::kInvalidGraph, "a signal of shape {}, expected rank 3", signal.to_string());
  Dim length = signal[1];
  if (c.has_input(2)) {
    require_same_element(c, 0, 2);
    const Shape& window = c.shape(2);
    if (window.is_ranked() && window.rank() != 1) {
      fail(ErrorCode::kInvalidGraph, "a window of shape {}, expected rank 1", window.to_string());
    }
    length = window.is_ranked() ? window[0] : Dim::unknown();
  }
  if (c.has_input(3)) {
    require_whole_scalar(c, 3);
    if (!c.has_input(2) || !length.is_known()) length = scalar_content(c, 3);
  }
  const Dim step = scalar_content(c, 1);
  const Dim frames = step.min() > 0 ? floor_div(signal[1] - length, step) + Dim(1) : Dim::unknown();
  const Dim bins = c.attributes().get_bool("onesided") ? floor_div(length, 2) + Dim(1) : length;
  c.set(0, c.element(0), Shape{signal[0], frames.is_known() && frames.value() < 0 ? Dim(0) : frames, bins, Dim(2)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() == 3 && (x.dim(2) == 1 || x.dim(2) == 2),
                "a signal of shape {}, expected [batch, length, 1 or 2]", to_string(x.dims()));
  const bool onesided = inputs.attributes().get_bool("onesided");
  const std::int64_t parts = x.dim(2);
  ORIEL_REQUIRE(!onesided || parts == 1, "onesided with a complex signal");
  const std::int64_t step = whole_scalar(inputs[1]);
  ORIEL_REQUIRE(step > 0, "frame_step is {}, expected 1 or more", step);
  std::int64_t length = x.dim(1);
  if (inputs.has(2)) {
    ORIEL_REQUIRE(inputs[2].rank() == 1, "a window of shape {}, expected rank 1", to_string(inputs[2].dims()));
    length = inputs[2].dim(0);
  }
  if (inputs.has(3)) {
    const std::int64_t given = whole_scalar(inputs[3]);
    ORIEL_REQUIRE(!inputs.has(2) || given == length, "frame_length is {} and the window has {} elements", given,
                  length);
    length = given;
  }
  ORIEL_REQUIRE(length > 0, "frame_length is {}, expected 1 or more", length);
  const std::int64_t frames = x.dim(1) < length ? 0 : (x.dim(1) - length) / step + 1;
  const std::int64_t bins = onesided ? length / 2 + 1 : length;
  Tensor& out = outputs.allocate(0, x.type(), {x.dim(0), frames, bins, 2});
  Fourier fourier(length, false);
  std::vector<std::complex<double>> frame(static_cast<std::size_t>(length));
  std::vector<std::complex<double>> spectrum(static_cast<std::size_t>(length));
  for (std::int64_t f = 0; f < x.dim(0) * frames; ++f) {
    context.check();
    const std::int64_t start = f / frames * x.dim(1) + f % frames * step;
    for (std::int64_t k = 0; k < length; ++k) {
      const std::int64_t at = (start + k) * parts;
      const double weight = inputs.has(2) ? element_as_f64(inputs[2], k) : 1.0;
      frame[static_cast<std::size_t>(k)] =
          weight * std::complex<double>(element_as_f64(x, at), parts == 2 ? element_as_f64(x, at + 1) : 0.0);
    }
    fourier.transform(frame, spectrum);
    for (std::int64_t k = 0; k < bins; ++k) {
      store_element(out, (f * bins + k) * 2, spectrum[static_cast<std::size_t>(k)].real());
      store_element(out, (f * bins + k) * 2 + 1, spectrum[static_cast<std::size_t>(k)].imag());
    }
  }
}

}  // namespace

OpDef op_stft() {
  return {.name = "STFT",
          .min_inputs = 2,
          .max_inputs = 4,
          .attributes = {{"onesided", std::int64_t{1}}},
          .traits = {.shape_operands = 0b1010},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
