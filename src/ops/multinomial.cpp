// Multinomial: for each row of unnormalised log probabilities [batch, classes], `sample_size` classes drawn with them.
#include "ops/elementwise.h"
#include "ops/random.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_float(c, 0);
  const ElementType type = c.attributes().get_element_type("dtype");
  if (type != ElementType::kI32 && type != ElementType::kI64) unsupported_type(type);
  const std::int64_t samples = c.attributes().get_int("sample_size");
  if (samples < 0) fail(ErrorCode::kInvalidGraph, "sample_size is {}, expected 0 or more", samples);
  const Shape& x = c.shape(0);
  if (x.is_ranked() && x.rank() != 2) {
    fail(ErrorCode::kInvalidGraph, "an input of shape {}, expected a matrix", x.to_string());
  }
  c.set(0, type, Shape{x.is_ranked() ? x[0] : Dim::unknown(), Dim(samples)});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() == 2, "an input of shape {}, expected a matrix", to_string(x.dims()));
  const std::int64_t rows = x.dim(0);
  const std::int64_t classes = x.dim(1);
  const std::int64_t samples = inputs.attributes().get_int("sample_size");
  ORIEL_REQUIRE(classes > 0 || rows * samples == 0, "an input of shape {} has no classes to draw from",
                to_string(x.dims()));
  Tensor& out = outputs.allocate(0, inputs.attributes().get_element_type("dtype"), {rows, samples});
  RandomSource random(inputs.attributes(), context);
  std::vector<double> cumulative(static_cast<std::size_t>(classes));
  for (std::int64_t row = 0; row < rows && samples > 0; ++row) {
    context.check();
    double largest = -std::numeric_limits<double>::infinity();
    for (std::int64_t k = 0; k < classes; ++k) largest = std::max(largest, element_as_f64(x, row * classes + k));
    double total = 0;
    for (std::int64_t k = 0; k < classes; ++k) {
      total += std::exp(element_as_f64(x, row * classes + k) - largest);
      cumulative[static_cast<std::size_t>(k)] = total;
    }
    for (std::int64_t s = 0; s < samples; ++s) {
      const auto drawn =
          std::upper_bound(cumulative.begin(), cumulative.end(), random.uniform() * total) - cumulative.begin();
      store_element(out, row * samples + s, static_cast<double>(std::min<std::int64_t>(drawn, classes - 1)));
    }
  }
}

}  // namespace

OpDef op_multinomial() {
  return {.name = "Multinomial",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"dtype", ElementType::kI32},
                         {"seed", 0.0F, AttributeDef::Need::kOptional},
                         {"sample_size", std::int64_t{1}}},
          .traits = {.nondeterministic = true},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
