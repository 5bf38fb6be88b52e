// ai.onnx.ml.Imputer: elements that equal the replaced value (NaN equals NaN) take the imputed value, one for all or
// one a feature of the last axis.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kI64, ElementType::kI32});
  const char* name = is_float(c.element(0)) ? "imputed_value_floats" : "imputed_value_int64s";
  if (!c.attributes().has(name)) fail(ErrorCode::kInvalidGraph, "attribute {} is missing", name);
  infer_same(c);
}

template <typename T, typename V>
void impute(const Tensor& x, Tensor& y, const std::vector<V>& imputed, V replaced, RunContext& context) {
  const std::int64_t features = x.rank() == 0 ? 1 : x.dim(x.rank() - 1);
  ORIEL_REQUIRE(imputed.size() == 1 || static_cast<std::int64_t>(imputed.size()) == features,
                "{} imputed values for {} features", imputed.size(), features);
  const T* px = x.data<T>();
  T* py = y.data<T>();
  const T target = static_cast<T>(replaced);
  for_each_element(x.size(), context, [&](std::int64_t i) {
    const bool hit = px[i] == target || (px[i] != px[i] && target != target);
    py[i] = hit ? static_cast<T>(imputed[imputed.size() == 1 ? 0 : static_cast<std::size_t>(i % features)]) : px[i];
  });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Attributes& a = inputs.attributes();
  Tensor& y = outputs.allocate(0, x.type(), x.dims());
  switch (x.type()) {
    case ElementType::kF32:
      return impute<float>(x, y, a.get_floats("imputed_value_floats"), a.get_float("replaced_value_float"), context);
    case ElementType::kF64:
      return impute<double>(x, y, a.get_floats("imputed_value_floats"), a.get_float("replaced_value_float"), context);
    case ElementType::kI64:
      return impute<std::int64_t>(x, y, a.get_ints("imputed_value_int64s"), a.get_int("replaced_value_int64"), context);
    case ElementType::kI32:
      return impute<std::int32_t>(x, y, a.get_ints("imputed_value_int64s"), a.get_int("replaced_value_int64"), context);
    default:
      unsupported_type(x.type());
  }
}

}  // namespace

OpDef op_ml_imputer() {
  return {.name = "Imputer",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"imputed_value_floats", std::vector<float>{}, AttributeDef::Need::kOptional},
                         {"imputed_value_int64s", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
                         {"replaced_value_float", 0.0F},
                         {"replaced_value_int64", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
