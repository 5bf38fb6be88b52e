// Dropout: x itself, or in training mode x / (1 - ratio) where a uniform draw reaches the ratio and 0 elsewhere. Output
// 1 is the mask of what was kept. Importers removed: ratio and is_test as attributes, and masks of x's type.
#include "ops/random.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0,
                  {ElementType::kF32, ElementType::kF64, ElementType::kF16, ElementType::kBF16, ElementType::kF8E4M3FN,
                   ElementType::kF8E4M3FNUZ, ElementType::kF8E5M2, ElementType::kF8E5M2FNUZ});
  infer_same(c);
  c.set(1, ElementType::kBool, c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  double ratio = 0.5;
  if (inputs.has(1)) {
    ORIEL_REQUIRE(inputs[1].size() == 1, "the ratio has shape {}, expected a scalar", to_string(inputs[1].dims()));
    ratio = element_as_f64(inputs[1], 0);
    ORIEL_REQUIRE(ratio >= 0 && ratio < 1, "the ratio is {}, expected a number in [0, 1)", ratio);
  }
  bool training = false;
  if (inputs.has(2)) {
    ORIEL_REQUIRE(inputs[2].size() == 1, "training_mode has shape {}, expected a scalar", to_string(inputs[2].dims()));
    training = element_as_i64(inputs[2], 0) != 0 && ratio > 0;
  }
  bool* mask = outputs.wanted(1) ? outputs.allocate(1, ElementType::kBool, x.dims()).data<bool>() : nullptr;
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  if (!training) {
    copy_elements(out, x, context, [](std::int64_t i) { return i; });
    if (mask != nullptr) std::fill_n(mask, x.size(), true);
    return;
  }
  RandomSource random(inputs.attributes(), context);
  const double scale = 1.0 / (1.0 - ratio);
  for_each_element(x.size(), context, [&](std::int64_t i) {
    const bool keep = random.uniform() >= ratio;
    store_element(out, i, keep ? element_as_f64(x, i) * scale : 0.0);
    if (mask != nullptr) mask[i] = keep;
  });
}

}  // namespace

OpDef op_dropout() {
  return {.name = "Dropout",
          .min_inputs = 1,
          .max_inputs = 3,
          .max_outputs = 2,
          .attributes = {{"seed", std::int64_t{0}, AttributeDef::Need::kOptional}},
          .traits = {.nondeterministic = true},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
