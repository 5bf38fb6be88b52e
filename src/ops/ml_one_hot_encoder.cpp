// ai.onnx.ml.OneHotEncoder: every element becomes a vector with a 1 at the place of its category, in a new last axis.
// Numbers are cut to i64 first. An unknown category gives zeros, or an error where `zeros` is 0.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

std::int64_t categories(const Attributes& attributes, bool strings) {
  const char* name = strings ? "cats_strings" : "cats_int64s";
  if (!attributes.has(name)) fail(ErrorCode::kInvalidGraph, "attribute {} is missing", name);
  return static_cast<std::int64_t>(strings ? attributes.get_strings(name).size() : attributes.get_ints(name).size());
}

void infer(InferContext& c) {
  require_element(c, 0,
                  {ElementType::kString, ElementType::kI64, ElementType::kI32, ElementType::kF32, ElementType::kF64});
  Shape out = c.shape(0);
  if (out.is_ranked()) out.dims().emplace_back(categories(c.attributes(), c.element(0) == ElementType::kString));
  c.set(0, ElementType::kF32, std::move(out));
}

template <typename Key, typename Read>
void encode(const Tensor& x, const std::vector<Key>& keys, bool zeros, float* y, RunContext& context, Read&& read) {
  for_each_element(x.size(), context, [&](std::int64_t i) {
    float* row = y + i * static_cast<std::int64_t>(keys.size());
    const auto found = std::find(keys.rbegin(), keys.rend(), read(i));
    ORIEL_REQUIRE(zeros || found != keys.rend(), "element {} has an unknown category", i);
    std::fill_n(row, keys.size(), 0.0F);
    if (found != keys.rend()) row[keys.rend() - found - 1] = 1.0F;
  });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const bool strings = x.type() == ElementType::kString;
  const bool zeros = inputs.attributes().get_bool("zeros");
  Dims dims = x.dims();
  dims.push_back(categories(inputs.attributes(), strings));
  float* y = outputs.allocate(0, ElementType::kF32, dims).data<float>();
  if (strings) {
    encode(x, inputs.attributes().get_strings("cats_strings"), zeros, y, context,
           [&](std::int64_t i) -> const std::string& { return x.data<std::string>()[i]; });
  } else {
    encode(x, inputs.attributes().get_ints("cats_int64s"), zeros, y, context,
           [&](std::int64_t i) { return element_as_i64(x, i); });
  }
}

}  // namespace

OpDef op_ml_one_hot_encoder() {
  return {.name = "OneHotEncoder",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"cats_int64s", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
                         {"cats_strings", std::vector<std::string>{}, AttributeDef::Need::kOptional},
                         {"zeros", std::int64_t{1}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
