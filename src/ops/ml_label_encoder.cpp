// ai.onnx.ml.LabelEncoder: every element that equals a key becomes the value beside it (the last such key counts; NaN
// equals NaN), others the default. Importers removed: classes_strings of version 1.
#include "ops/ml_label_encoder.h"

#include <unordered_map>

namespace oriel::ops {
namespace {

// The <prefix>_tensor, _strings, _int64s or _floats attribute that is given.
Tensor list_of(const Attributes& attributes, const std::string& prefix) {
  if (attributes.has(prefix + "_tensor")) {
    const Tensor& t = attributes.get_tensor(prefix + "_tensor");
    return t.reshaped({t.size()});
  }
  if (attributes.has(prefix + "_floats") && !attributes.get_floats(prefix + "_floats").empty()) {
    const std::vector<float>& values = attributes.get_floats(prefix + "_floats");
    return Tensor::of<float>(values, {static_cast<std::int64_t>(values.size())});
  }
  const Tensor t = class_labels(attributes, (prefix + "_int64s").c_str(), (prefix + "_strings").c_str());
  if (!t.defined()) fail(ErrorCode::kInvalidGraph, "no attribute {}_* is given", prefix);
  return t;
}

Tensor default_of(const Attributes& attributes, ElementType type) {
  if (attributes.has("default_tensor")) {
    const Tensor& t = attributes.get_tensor("default_tensor");
    if (t.type() != type || t.size() != 1)
      fail(ErrorCode::kInvalidGraph, "attribute default_tensor is {}", t.description());
    return t.reshaped({1});
  }
  Tensor t = Tensor::allocate(type, {1});
  if (type == ElementType::kString) {
    *t.data<std::string>() = attributes.get_string("default_string");
  } else {
    store_element(t, 0,
                  is_float(type) ? attributes.get_float("default_float")
                                 : static_cast<double>(attributes.get_int("default_int64")));
  }
  if (type == ElementType::kI64) *t.data<std::int64_t>() = attributes.get_int("default_int64");
  return t;
}

}  // namespace

LabelEncoder::LabelEncoder(const Attributes& attributes)
    : keys(list_of(attributes, "keys")),
      values(list_of(attributes, "values")),
      fallback(default_of(attributes, values.type())) {
  if (keys.size() != values.size()) fail(ErrorCode::kInvalidGraph, "{} keys and {} values", keys.size(), values.size());
}

namespace {

void infer(InferContext& c) {
  const LabelEncoder m(c.attributes());
  require_element(c, 0, {m.keys.type()});
  c.set(0, m.values.type(), c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const LabelEncoder m(inputs.attributes());
  ORIEL_REQUIRE(m.keys.type() == x.type(), "keys of {} for elements of {}", element_name(m.keys.type()),
                element_name(x.type()));
  Tensor& y = outputs.allocate(0, m.values.type(), x.dims());
  const auto run = [&]<typename T>() {
    std::unordered_map<decltype(identity_of(std::declval<T>())), std::int64_t> places;
    for (std::int64_t i = 0; i < m.keys.size(); ++i) places[identity_of(m.keys.data<T>()[i])] = i;
    const auto place = [&](std::int64_t i) {
      const auto found = places.find(identity_of(x.data<T>()[i]));
      return found == places.end() ? std::int64_t{-1} : found->second;
    };
    copy_elements(y, m.fallback, context, [](std::int64_t) { return 0; });
    copy_elements(y, m.values, context, place);
  };
  if (x.type() == ElementType::kString) return run.template operator()<std::string>();
  dispatch_numeric(x.type(), run);
}

}  // namespace

OpDef op_ml_label_encoder() {
  std::vector<AttributeDef> attributes = {{"default_float", -0.0F},
                                          {"default_int64", std::int64_t{-1}},
                                          {"default_string", std::string("_Unused")},
                                          {"default_tensor", Tensor(), AttributeDef::Need::kOptional}};
  for (const std::string prefix : {"keys", "values"}) {
    attributes.push_back({prefix + "_floats", std::vector<float>{}, AttributeDef::Need::kOptional});
    attributes.push_back({prefix + "_int64s", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional});
    attributes.push_back({prefix + "_strings", std::vector<std::string>{}, AttributeDef::Need::kOptional});
    attributes.push_back({prefix + "_tensor", Tensor(), AttributeDef::Need::kOptional});
  }
  return {.name = "LabelEncoder",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = std::move(attributes),
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
