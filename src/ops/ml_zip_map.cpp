// ai.onnx.ml.ZipMap: one map from class labels, in ascending order, to scores for every row of X.
#include <numeric>

#include "ops/ml.h"

namespace oriel::ops {
namespace {

Tensor keys_of(const Attributes& attributes) {
  Tensor keys = class_labels(attributes, "classlabels_int64s", "classlabels_strings");
  if (!keys.defined())
    fail(ErrorCode::kInvalidGraph, "attributes classlabels_int64s and classlabels_strings are missing");
  return keys;
}

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32});
  check_ml_features(c);
  const Tensor keys = keys_of(c.attributes());
  const Shape& x = c.shape(0);
  if (x.is_ranked() && !x[x.rank() - 1].may_equal(Dim(keys.size()))) {
    fail(ErrorCode::kInvalidGraph, "input of shape {}, expected {} columns", x.to_string(), keys.size());
  }
  c.set(0, ValueType::sequence(ValueType::map(keys.type(), ValueType(ElementType::kF32, Shape()))));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor keys = keys_of(inputs.attributes());
  const MlRows shape(x);
  ORIEL_REQUIRE(shape.features == keys.size(), "input of shape {}, expected {} columns", to_string(x.dims()),
                keys.size());
  std::vector<std::int64_t> order(static_cast<std::size_t>(keys.size()));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&keys](std::int64_t a, std::int64_t b) {
    if (keys.type() == ElementType::kString) return keys.data<std::string>()[a] < keys.data<std::string>()[b];
    return keys.data<std::int64_t>()[a] < keys.data<std::int64_t>()[b];
  });
  Tensor sorted = Tensor::allocate(keys.type(), keys.dims(), context.budget);
  for (std::size_t i = 0; i < order.size(); ++i) copy_label(sorted, static_cast<std::int64_t>(i), keys, order[i]);
  auto sequence = std::make_shared<Sequence>();
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    context.check();
    auto map = std::make_shared<Map>();
    map->keys = sorted;
    map->values = Tensor::allocate(ElementType::kF32, {shape.features}, context.budget);
    for (std::size_t i = 0; i < order.size(); ++i)
      map->values.data<float>()[i] = x.data<float>()[row * shape.features + order[i]];
    sequence->items.emplace_back(std::shared_ptr<const Map>(std::move(map)));
  }
  outputs.set(0, std::shared_ptr<const Sequence>(std::move(sequence)));
}

}  // namespace

OpDef op_ml_zip_map() {
  return {.name = "ZipMap",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"classlabels_int64s", std::vector<std::int64_t>{}, AttributeDef::Need::kOptional},
                         {"classlabels_strings", std::vector<std::string>{}, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
