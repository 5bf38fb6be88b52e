// QuantizeLinear: y = saturate(round_half_even(x / y_scale) + y_zero_point), one scale for all, an axis or a block. The
// quotient is rounded to `precision` (the scale's type where absent) first.
#include "ops/quantize.h"

namespace oriel::ops {
namespace {

ElementType attribute_type(const Attributes& attributes, const char* name) {
  return attributes.has(name) ? attributes.get_element_type(name) : ElementType::kUndefined;
}

bool is_float8(ElementType type) {
  return type == ElementType::kF8E4M3FN || type == ElementType::kF8E4M3FNUZ || type == ElementType::kF8E5M2 ||
         type == ElementType::kF8E5M2FNUZ;
}

void infer(InferContext& c) {
  require_element(c, 0,
                  {ElementType::kF32, ElementType::kF16, ElementType::kBF16, ElementType::kI32, ElementType::kF64});
  require_element(c, 1,
                  {ElementType::kF32, ElementType::kF16, ElementType::kBF16, ElementType::kI32, ElementType::kF8E8M0,
                   ElementType::kF64});
  ElementType type = attribute_type(c.attributes(), "output_dtype");
  const std::int64_t axis = c.attributes().get_int("axis");
  const std::int64_t block_size = c.attributes().get_int("block_size");
  check_scale(c.shape(0), c.shape(1), axis, block_size);
  if (c.has_input(2)) {
    if (type != ElementType::kUndefined && type != c.element(2)) {
      fail(ErrorCode::kInvalidGraph, "attribute output_dtype is {}, the zero point is of type {}", element_name(type),
           element_name(c.element(2)));
    }
    type = c.element(2);
    check_scale(c.shape(0), c.shape(2), axis, block_size);
  }
  if (type == ElementType::kUndefined) type = ElementType::kU8;
  if (!is_float8(type) && type != ElementType::kF4E2M1) quant_range(type);
  c.set(0, type, c.shape(0));
}

// Rounds to the type that the division is made in; f64 serves integers.
double round_to(double value, ElementType precision) {
  switch (precision) {
    case ElementType::kF16:
      return static_cast<float>(Half(value));
    case ElementType::kBF16:
      return static_cast<float>(BFloat16(value));
    case ElementType::kF32:
      return static_cast<float>(value);
    default:
      return value;
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const Tensor& scale = inputs[1];
  const Attributes& attributes = inputs.attributes();
  ElementType precision = attribute_type(attributes, "precision");
  if (precision == ElementType::kUndefined)
    precision = scale.type() == ElementType::kF8E8M0 ? ElementType::kF32 : scale.type();
  ElementType type = attribute_type(attributes, "output_dtype");
  const Tensor* zero_point = inputs.has(2) ? &inputs[2] : nullptr;
  if (zero_point != nullptr) type = zero_point->type();
  if (type == ElementType::kUndefined) type = ElementType::kU8;
  const ScaleMap map(x.dims(), scale.dims(), attributes.get_int("axis"), attributes.get_int("block_size"));
  ORIEL_REQUIRE(zero_point == nullptr || zero_point->size() == scale.size(), "a zero point of shape {}, expected {}",
                to_string(zero_point->dims()), to_string(scale.dims()));
  Tensor& y = outputs.allocate(0, type, x.dims());
  if (is_float(type)) {
    const bool saturate = attributes.get_bool("saturate");
    const bool shifted = zero_point != nullptr && type == ElementType::kF4E2M1;
    for_each_element(x.size(), context, [&](std::int64_t i) {
      const std::int64_t s = map(i);
      const double v = round_to(
          round_to(element_as_f64(x, i), precision) / round_to(element_as_f64(scale, s), precision), precision);
      store_element(y, i, shifted ? v + element_as_f64(*zero_point, s) : v, saturate);
    });
    return;
  }
  const QuantRange range = quant_range(type);
  for_each_element(x.size(), context, [&](std::int64_t i) {
    const std::int64_t s = map(i);
    const double v =
        round_to(round_to(element_as_f64(x, i), precision) / round_to(element_as_f64(scale, s), precision), precision);
    store_element(y, i,
                  static_cast<double>(quantize(v, zero_point != nullptr ? element_as_i64(*zero_point, s) : 0, range)));
  });
}

}  // namespace

OpDef op_quantize_linear() {
  return {.name = "QuantizeLinear",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = {{"axis", std::int64_t{1}},
                         {"block_size", std::int64_t{0}},
                         {"output_dtype", ElementType::kU8, AttributeDef::Need::kOptional},
                         {"precision", ElementType::kF32, AttributeDef::Need::kOptional},
                         {"saturate", std::int64_t{1}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
