// MelWeightMatrix: [dft_length / 2 + 1, num_mel_bins] triangles of peak 1 whose corners are evenly spread over the mel
// scale, mel(f) = 2595 * log10(1 + f / 700), between two frequencies, and rounded down to bins of the spectrum.
#include "ops/elementwise.h"
#include "ops/scalars.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  for (const std::size_t i : {0, 1, 2}) require_whole_scalar(c, i);
  for (const std::size_t i : {3, 4}) require_float(c, i);
  const ElementType type = c.attributes().get_element_type("output_datatype");
  if (!is_float(type) && !is_integer(type)) unsupported_type(type);
  c.set(0, type, Shape{floor_div(scalar_content(c, 1), 2) + Dim(1), scalar_content(c, 0)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const std::int64_t bands = whole_scalar(inputs[0]);
  const std::int64_t length = whole_scalar(inputs[1]);
  const std::int64_t rate = whole_scalar(inputs[2]);
  ORIEL_REQUIRE(bands >= 0 && length >= 0 && rate > 0,
                "num_mel_bins {}, dft_length {} and sample_rate {}, expected more", bands, length, rate);
  for (const std::size_t i : {3, 4}) {
    ORIEL_REQUIRE(inputs[i].size() == 1, "{} where a scalar is expected", inputs[i].description());
  }
  const std::int64_t bins = length / 2 + 1;
  const auto mel = [](double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); };
  const double low = mel(element_as_f64(inputs[3], 0));
  const double high = mel(element_as_f64(inputs[4], 0));
  const auto corner = [&](std::int64_t i) {
    const double at = low + static_cast<double>(i) * (high - low) / static_cast<double>(bands + 2);
    const double hertz = 700.0 * (std::pow(10.0, at / 2595.0) - 1.0);
    const double bin = std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    ORIEL_REQUIRE(bin >= 0 && bin < static_cast<double>(bins), "the frequency {} lies outside the spectrum", hertz);
    return static_cast<std::int64_t>(bin);
  };
  Tensor& out = outputs.allocate(0, inputs.attributes().get_element_type("output_datatype"), {bins, bands});
  fill_zero(out);
  for (std::int64_t band = 0; band < bands; ++band) {
    context.check();
    const std::int64_t left = corner(band);
    const std::int64_t peak = corner(band + 1);
    const std::int64_t right = corner(band + 2);
    for (std::int64_t bin = left; bin <= peak; ++bin) {
      store_number(out, bin * bands + band,
                   peak == left ? 1.0 : static_cast<double>(bin - left) / static_cast<double>(peak - left));
    }
    for (std::int64_t bin = peak; bin < right; ++bin) {
      store_number(out, bin * bands + band, static_cast<double>(right - bin) / static_cast<double>(right - peak));
    }
  }
}

}  // namespace

OpDef op_mel_weight_matrix() {
  return {.name = "MelWeightMatrix",
          .min_inputs = 5,
          .max_inputs = 5,
          .attributes = {{"output_datatype", ElementType::kF32}},
          .traits = {.shape_operands = 0b11},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
