// ai.onnx.ml.CastMap: the values of a map from i64 as one row, cast: DENSE in the order of the keys, SPARSE each at its
// key among max_map places, the others zero (or the empty string).
#include <charconv>

#include "ops/ml.h"

namespace oriel::ops {
namespace {

ElementType target_of(const Attributes& attributes) {
  const std::string& name = attributes.get_string("cast_to");
  if (name == "TO_FLOAT") return ElementType::kF32;
  if (name == "TO_INT64") return ElementType::kI64;
  if (name == "TO_STRING") return ElementType::kString;
  fail(ErrorCode::kInvalidGraph, "attribute cast_to is \"{}\", expected TO_FLOAT, TO_INT64 or TO_STRING", name);
}

bool is_sparse(const Attributes& attributes) {
  const std::string& form = attributes.get_string("map_form");
  if (form != "DENSE" && form != "SPARSE")
    fail(ErrorCode::kInvalidGraph, "attribute map_form is \"{}\", expected DENSE or SPARSE", form);
  const std::int64_t max_map = attributes.get_int("max_map");
  if (form == "SPARSE" && max_map < 1) fail(ErrorCode::kInvalidGraph, "attribute max_map is {}", max_map);
  return form == "SPARSE";
}

void infer(InferContext& c) {
  const ValueType& x = c.type(0);
  if (x.kind != ValueType::Kind::kMap || x.element != ElementType::kI64) {
    fail(ErrorCode::kInvalidGraph, "input is {}, expected a map from i64", x.to_string());
  }
  const Dim columns = is_sparse(c.attributes()) ? Dim(c.attributes().get_int("max_map")) : Dim::unknown();
  c.set(0, target_of(c.attributes()), Shape{Dim(1), columns});
}

void cast_element(const Tensor& from, std::int64_t i, Tensor& to, std::int64_t o) {
  if (from.type() == ElementType::kString && to.type() == ElementType::kString) {
    to.data<std::string>()[o] = from.data<std::string>()[i];
  } else if (from.type() == ElementType::kString) {
    const std::string& text = from.data<std::string>()[i];
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    ORIEL_REQUIRE(error == std::errc() && end == text.data() + text.size(), "\"{}\" is no number", text);
    store_element(to, o, value);
  } else if (to.type() == ElementType::kString) {
    to.data<std::string>()[o] = formatted("{:f}", element_as_f64(from, i));
  } else {
    store_element(to, o, element_as_f64(from, i));
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Map& map = inputs.datum(0).map();
  ORIEL_REQUIRE(map.keys.type() == ElementType::kI64 && map.keys.size() == map.values.size(),
                "a map from {}, expected i64", map.keys.description());
  const bool sparse = is_sparse(inputs.attributes());
  const std::int64_t columns = sparse ? inputs.attributes().get_int("max_map") : map.keys.size();
  const std::int64_t* keys = map.keys.data<std::int64_t>();
  std::vector<std::int64_t> order(static_cast<std::size_t>(map.keys.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  std::sort(order.begin(), order.end(), [keys](std::int64_t a, std::int64_t b) { return keys[a] < keys[b]; });
  Tensor& y = outputs.allocate(0, target_of(inputs.attributes()), {1, columns});
  fill_zero(y);
  for (std::size_t i = 0; i < order.size(); ++i) {
    context.check();
    const std::int64_t key = keys[order[i]];
    ORIEL_REQUIRE(!sparse || (key >= 0 && key < columns), "key {} is outside [0, {})", key, columns);
    cast_element(map.values, order[i], y, sparse ? key : static_cast<std::int64_t>(i));
  }
}

}  // namespace

OpDef op_ml_cast_map() {
  return {.name = "CastMap",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"cast_to", std::string("TO_FLOAT")},
                         {"map_form", std::string("DENSE")},
                         {"max_map", std::int64_t{1}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
