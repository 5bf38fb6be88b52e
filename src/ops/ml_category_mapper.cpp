// ai.onnx.ml.CategoryMapper: strings to the integers beside them in the lists of categories, or integers to strings;
// others take the default of the result's type.
#include <unordered_map>

#include "ops/ml.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kString, ElementType::kI64});
  const std::size_t ints = c.attributes().get_ints("cats_int64s").size();
  const std::size_t strings = c.attributes().get_strings("cats_strings").size();
  if (ints != strings) fail(ErrorCode::kInvalidGraph, "{} cats_int64s and {} cats_strings", ints, strings);
  c.set(0, c.element(0) == ElementType::kString ? ElementType::kI64 : ElementType::kString, c.shape(0));
}

template <typename From, typename To>
void map_elements(const Tensor& x, Tensor& y, const std::vector<From>& from, const std::vector<To>& to,
                  const To& fallback, RunContext& context) {
  std::unordered_map<From, To> table;
  for (std::size_t i = 0; i < from.size() && i < to.size(); ++i) table[from[i]] = to[i];
  const From* in = x.data<From>();
  To* out = y.data<To>();
  for_each_element(x.size(), context, [&](std::int64_t i) {
    const auto found = table.find(in[i]);
    out[i] = found == table.end() ? fallback : found->second;
  });
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const std::vector<std::int64_t>& ints = inputs.attributes().get_ints("cats_int64s");
  const std::vector<std::string>& strings = inputs.attributes().get_strings("cats_strings");
  if (x.type() == ElementType::kString) {
    map_elements(x, outputs.allocate(0, ElementType::kI64, x.dims()), strings, ints,
                 inputs.attributes().get_int("default_int64"), context);
  } else {
    map_elements(x, outputs.allocate(0, ElementType::kString, x.dims()), ints, strings,
                 inputs.attributes().get_string("default_string"), context);
  }
}

}  // namespace

OpDef op_ml_category_mapper() {
  return {.name = "CategoryMapper",
          .domain = "ai.onnx.ml",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"cats_int64s", std::vector<std::int64_t>{}, AttributeDef::Need::kRequired},
                         {"cats_strings", std::vector<std::string>{}, AttributeDef::Need::kRequired},
                         {"default_int64", std::int64_t{-1}},
                         {"default_string", std::string("_Unused")}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
