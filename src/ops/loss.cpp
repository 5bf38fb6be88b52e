// What the loss operators share.
#include "ops/loss.h"

namespace oriel::ops {
LossReduction loss_reduction(const Attributes& attributes) {
  const std::string& name = attributes.get_string("reduction");
  if (name == "none") return LossReduction::kNone;
  if (name == "sum") return LossReduction::kSum;
  if (name == "mean") return LossReduction::kMean;
  fail(ErrorCode::kInvalidGraph, "reduction is \"{}\", expected none, sum or mean", name);
}

void infer_loss(InferContext& c) {
  require_float(c, 0);
  require_element(c, 1, {ElementType::kI32, ElementType::kI64});
  if (c.has_input(2)) require_same_element(c, 0, 2);
  const Shape& x = c.shape(0);
  const Shape& labels = c.shape(1);
  bool fits = !x.is_ranked() || x.rank() >= 2;
  if (fits && x.is_ranked() && labels.is_ranked()) {
    fits = labels.rank() + 1 == x.rank() && labels[0].may_equal(x[0]);
    for (std::size_t i = 1; fits && i < labels.rank(); ++i) fits = labels[i].may_equal(x[i + 1]);
  }
  if (!fits) {
    fail(ErrorCode::kInvalidGraph, "labels of shape {} do not fit scores of shape {}", labels.to_string(),
         x.to_string());
  }
  if (loss_reduction(c.attributes()) != LossReduction::kNone) {
    c.set(0, c.element(0), Shape());
    return;
  }
  Shape out = labels;
  if (!labels.is_ranked() && x.is_ranked()) {
    out = x;
    out.dims().erase(out.dims().begin() + 1);
  }
  c.set(0, c.element(0), std::move(out));
}

LossLayout LossLayout::read(const Inputs& inputs) {
  const Dims& x = inputs[0].dims();
  const Dims& labels = inputs[1].dims();
  bool fits = x.size() >= 2 && labels.size() + 1 == x.size() && labels[0] == x[0];
  LossLayout layout{fits ? x[1] : 0, 1, inputs[1].size()};
  for (std::size_t i = 2; fits && i < x.size(); ++i) {
    fits = labels[i - 1] == x[i];
    layout.inner *= x[i];
  }
  ORIEL_REQUIRE(fits, "labels of shape {} do not fit scores of shape {}", to_string(labels), to_string(x));
  if (inputs.has(2)) {
    ORIEL_REQUIRE(inputs[2].size() == layout.classes, "{} weights for {} classes", inputs[2].size(), layout.classes);
  }
  return layout;
}

void reference_loss(const Inputs& inputs, OutputSink& outputs, RunContext& context, const LossLayout& layout,
                    const std::function<double(std::int64_t start, std::int64_t label)>& score) {
  const LossReduction reduction = loss_reduction(inputs.attributes());
  const Tensor& labels = inputs[1];
  const bool ignores = inputs.attributes().has("ignore_index");
  const std::int64_t ignored = inputs.attributes().get_int("ignore_index", 0);
  Tensor& out = outputs.allocate(0, inputs[0].type(), reduction == LossReduction::kNone ? labels.dims() : Dims{});
  double sum = 0;
  double weights = 0;
  for_each_element(layout.samples, context, [&](std::int64_t s) {
    const std::int64_t label = element_as_i64(labels, s);
    double loss = 0;
    if (!ignores || label != ignored) {
      ORIEL_REQUIRE(label >= 0 && label < layout.classes, "label {} is outside [0, {})", label, layout.classes);
      const double weight = inputs.has(2) ? element_as_f64(inputs[2], label) : 1.0;
      loss = -weight * score(layout.start(s), label);
      weights += weight;
    }
    sum += loss;
    if (reduction == LossReduction::kNone) store_element(out, s, loss);
  });
  if (reduction == LossReduction::kSum) store_element(out, 0, sum);
  if (reduction == LossReduction::kMean) store_element(out, 0, sum / weights);
}

std::vector<AttributeDef> loss_attributes() {
  return {{"reduction", std::string("mean")}, {"ignore_index", std::int64_t{0}, AttributeDef::Need::kOptional}};
}

}  // namespace oriel::ops
