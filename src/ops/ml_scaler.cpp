// ai.onnx.ml.Scaler: Y = (X - offset) * scale, each one value for all or one a feature of the last axis.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kI64, ElementType::kI32});
  c.set(0, ElementType::kF32, c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::vector<float> scale = floats_of(inputs.attributes(), "scale");
  const std::vector<float> offset = floats_of(inputs.attributes(), "offset");
  const std::int64_t features = x.rank() == 0 ? 1 : x.dim(x.rank() - 1);
  for (const std::vector<float>* list : {&scale, &offset}) {
    ORIEL_REQUIRE(list->size() <= 1 || static_cast<std::int64_t>(list->size()) == features,
                  "{} values of scale or offset for {} features", list->size(), features);
  }
  const auto pick = [features](const std::vector<float>& list, std::int64_t i, double fallback) -> double {
    if (list.empty()) return fallback;
    return list[list.size() == 1 ? 0 : static_cast<std::size_t>(i % features)];
  };
  float* y = outputs.allocate(0, ElementType::kF32, x.dims()).data<float>();
  for_each_element(x.size(), context, [&](std::int64_t i) {
    y[i] = static_cast<float>((element_as_f64(x, i) - pick(offset, i, 0.0)) * pick(scale, i, 1.0));
  });
}

}  // namespace

OpDef op_ml_scaler() {
  return {.name = "Scaler",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"offset", std::vector<float>{}, AttributeDef::Need::kOptional},
                         {"scale", std::vector<float>{}, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
