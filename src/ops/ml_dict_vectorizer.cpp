// ai.onnx.ml.DictVectorizer: the values of a map in the order of the vocabulary, as one row; zero (or the empty string)
// where the map has no such key.
#include "ops/ml.h"

namespace oriel::ops {
namespace {

Tensor vocabulary_of(const Attributes& attributes) {
  Tensor t = class_labels(attributes, "int64_vocabulary", "string_vocabulary");
  if (!t.defined()) fail(ErrorCode::kInvalidGraph, "attributes int64_vocabulary and string_vocabulary are missing");
  return t;
}

void infer(InferContext& c) {
  const ValueType& x = c.type(0);
  const Tensor vocabulary = vocabulary_of(c.attributes());
  if (x.kind != ValueType::Kind::kMap || x.element != vocabulary.type()) {
    fail(ErrorCode::kInvalidGraph, "input is {}, expected a map from {}", x.to_string(),
         element_name(vocabulary.type()));
  }
  c.set(0, x.inner->element, Shape{Dim(1), Dim(vocabulary.size())});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Map& map = inputs.datum(0).map();
  const Tensor vocabulary = vocabulary_of(inputs.attributes());
  ORIEL_REQUIRE(map.keys.type() == vocabulary.type() && map.keys.size() == map.values.size(),
                "a map from {}, expected {}", map.keys.description(), element_name(vocabulary.type()));
  Tensor& y = outputs.allocate(0, map.values.type(), {1, vocabulary.size()});
  fill_zero(y);
  const auto place = [&]<typename T>(std::int64_t i) {
    const T* keys = map.keys.data<T>();
    const T* end = keys + map.keys.size();
    const T* found = std::find(keys, end, vocabulary.data<T>()[i]);
    return found == end ? std::int64_t{-1} : static_cast<std::int64_t>(found - keys);
  };
  copy_elements(y, map.values, context, [&](std::int64_t i) {
    return vocabulary.type() == ElementType::kString ? place.template operator()<std::string>(i)
                                                     : place.template operator()<std::int64_t>(i);
  });
}

}  // namespace

OpDef op_ml_dict_vectorizer() {
  return {.name = "DictVectorizer",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"int64_vocabulary", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
                         {"string_vocabulary", std::vector<std::string>{}, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
