// DequantizeLinear: y = (x - x_zero_point) * x_scale, one scale for all, an axis or a block. Computed in f32 (f64 for a
// scale of f64) and rounded to the type of y.
#include "ops/quantize.h"

namespace oriel::ops {
namespace {

// output_dtype where given, else the scale's type; powers of two of e8m0 give f32.
ElementType result_type(const Attributes& attributes, ElementType scale) {
  const ElementType named =
      attributes.has("output_dtype") ? attributes.get_element_type("output_dtype") : ElementType::kUndefined;
  if (named != ElementType::kUndefined) return named;
  return scale == ElementType::kF8E8M0 ? ElementType::kF32 : scale;
}

void infer(InferContext& c) {
  const std::int64_t axis = c.attributes().get_int("axis");
  const std::int64_t block_size = c.attributes().get_int("block_size");
  if (!is_float(c.element(0)) && !is_integer(c.element(0))) unsupported_type(c.element(0));
  require_element(c, 1,
                  {ElementType::kF32, ElementType::kF16, ElementType::kBF16, ElementType::kF8E8M0, ElementType::kF64});
  check_scale(c.shape(0), c.shape(1), axis, block_size);
  if (c.has_input(2)) {
    require_same_element(c, 0, 2);
    check_scale(c.shape(0), c.shape(2), axis, block_size);
  }
  const ElementType type = result_type(c.attributes(), c.element(1));
  if (!is_float(type))
    fail(ErrorCode::kInvalidGraph, "attribute output_dtype is {}, expected a float", element_name(type));
  c.set(0, type, c.shape(0));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& scale = inputs[1];
  const Tensor* zero_point = inputs.has(2) ? &inputs[2] : nullptr;
  const ScaleMap map(x.dims(), scale.dims(), inputs.attributes().get_int("axis"),
                     inputs.attributes().get_int("block_size"));
  ORIEL_REQUIRE(zero_point == nullptr || zero_point->size() == scale.size(), "a zero point of shape {}, expected {}",
                to_string(zero_point->dims()), to_string(scale.dims()));
  Tensor& y = outputs.allocate(0, result_type(inputs.attributes(), scale.type()), x.dims());
  for_each_element(x.size(), context, [&](std::int64_t i) {
    const std::int64_t s = map(i);
    const double difference = element_as_f64(x, i) - (zero_point != nullptr ? element_as_f64(*zero_point, s) : 0.0);
    if (scale.type() == ElementType::kF64) {
      store_element(y, i, difference * element_as_f64(scale, s));
    } else {
      store_element(y, i, static_cast<float>(difference) * static_cast<float>(element_as_f64(scale, s)));
    }
  });
}

}  // namespace

OpDef op_dequantize_linear() {
  return {.name = "DequantizeLinear",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = {{"axis", std::int64_t{1}},
                         {"block_size", std::int64_t{0}},
                         {"output_dtype", ElementType::kF32, AttributeDef::Need::kOptional}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
