// Element types by ONNX's numbers, and the 16-bit floats.
#include "oriel/element_type.h"

#include "base/half.h"
#include "boundary.h"
#include "frontends/onnx/data_types.h"

namespace oriel::v1 {

oriel::ElementType engine_type(ElementType type) {
  const auto found = onnx::element_from_onnx(static_cast<std::int64_t>(type));
  ORIEL_REQUIRE(found && *found != oriel::ElementType::kUndefined, "{} is no element type", static_cast<int>(type));
  return *found;
}

ElementType public_type(oriel::ElementType type) { return static_cast<ElementType>(onnx::element_to_onnx(type)); }

std::string element_type_name(ElementType type) {
  return onnx_element_name(
      onnx::element_from_onnx(static_cast<std::int64_t>(type)).value_or(oriel::ElementType::kUndefined));
}

int element_type_bits(ElementType type) noexcept {
  const auto found = onnx::element_from_onnx(static_cast<std::int64_t>(type));
  return !found || *found == oriel::ElementType::kString ? 0 : element_bits(*found);
}

std::uint16_t float16_bits(float value) noexcept { return f32_to_f16_bits(value); }
float float16_value(std::uint16_t bits) noexcept { return f16_bits_to_f32(bits); }
std::uint16_t bfloat16_bits(float value) noexcept { return f32_to_bf16_bits(value); }
float bfloat16_value(std::uint16_t bits) noexcept { return bf16_bits_to_f32(bits); }

}  // namespace oriel::v1
