// ONNX's numbers of element types (TensorProto.DataType) and Oriel's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/element_type.h"

namespace oriel::onnx {

/// Element types in the order of their ONNX numbers; 0 is UNDEFINED.
inline constexpr std::array kDataTypes = {
    ElementType::kUndefined,  ElementType::kF32,      ElementType::kU8,         ElementType::kI8,
    ElementType::kU16,        ElementType::kI16,      ElementType::kI32,        ElementType::kI64,
    ElementType::kString,     ElementType::kBool,     ElementType::kF16,        ElementType::kF64,
    ElementType::kU32,        ElementType::kU64,      ElementType::kComplex64,  ElementType::kComplex128,
    ElementType::kBF16,       ElementType::kF8E4M3FN, ElementType::kF8E4M3FNUZ, ElementType::kF8E5M2,
    ElementType::kF8E5M2FNUZ, ElementType::kU4,       ElementType::kI4,         ElementType::kF4E2M1,
    ElementType::kF8E8M0,     ElementType::kU2,       ElementType::kI2,
};

/// The element type with that ONNX number (0 gives kUndefined); nothing for a number that ONNX does not define.
inline std::optional<ElementType> element_from_onnx(std::int64_t number) {
  if (number < 0 || number >= static_cast<std::int64_t>(kDataTypes.size())) return std::nullopt;
  return kDataTypes[static_cast<std::size_t>(number)];
}

/// The ONNX number of an element type.
inline int element_to_onnx(ElementType type) {
  for (std::size_t i = 0; i < kDataTypes.size(); ++i) {
    if (kDataTypes[i] == type) return static_cast<int>(i);
  }
  return 0;
}

}  // namespace oriel::onnx
