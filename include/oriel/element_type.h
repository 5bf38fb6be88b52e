// Element types of tensors, and the C++ types that stand for them.
#pragma once

#include <complex>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

#include "oriel/export.h"

namespace oriel::ORIEL_API_NAMESPACE {

/// Element types with ONNX's numbers (TensorProto.DataType).
enum class ElementType : int {
  kUndefined = 0,
  kFloat32 = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
};

/// The name that ONNX Runtime prints between the parentheses of "tensor(float)": "float", "int64", "float16", "string".
ORIEL_API std::string element_type_name(ElementType type);

/// Bits of one element: 4 for kInt4, 32 for kFloat32; 0 for kString and kUndefined.
ORIEL_API int element_type_bits(ElementType type) noexcept;

/// The bits of the IEEE binary16 number nearest to `value` (ties to even), and back.
ORIEL_API std::uint16_t float16_bits(float value) noexcept;
ORIEL_API float float16_value(std::uint16_t bits) noexcept;
/// The bits of the bfloat16 number nearest to `value` (ties to even), and back.
ORIEL_API std::uint16_t bfloat16_bits(float value) noexcept;
ORIEL_API float bfloat16_value(std::uint16_t bits) noexcept;

/// An element of kFloat16.
struct Float16 {
  std::uint16_t bits = 0;
  Float16() = default;
  explicit Float16(float value) : bits(float16_bits(value)) {}
  operator float() const { return float16_value(bits); }
};

/// An element of kBFloat16.
struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value) : bits(bfloat16_bits(value)) {}
  operator float() const { return bfloat16_value(bits); }
};

/// The element type that a C++ type stands for; kUndefined for types that stand for none. The types of 8 bits and less
/// without a C++ type (float8, int4, ...) are reached as bytes.
template <typename T>
constexpr ElementType element_type_of() {
  using U = std::remove_cv_t<T>;
  if constexpr (std::same_as<U, float>) return ElementType::kFloat32;
  if constexpr (std::same_as<U, double>) return ElementType::kFloat64;
  if constexpr (std::same_as<U, Float16>) return ElementType::kFloat16;
  if constexpr (std::same_as<U, BFloat16>) return ElementType::kBFloat16;
  if constexpr (std::same_as<U, bool>) return ElementType::kBool;
  if constexpr (std::same_as<U, std::string>) return ElementType::kString;
  if constexpr (std::same_as<U, std::complex<float>>) return ElementType::kComplex64;
  if constexpr (std::same_as<U, std::complex<double>>) return ElementType::kComplex128;
  if constexpr (std::signed_integral<U> && !std::same_as<U, char> && !std::same_as<U, wchar_t>) {
    return sizeof(U) == 1   ? ElementType::kInt8
           : sizeof(U) == 2 ? ElementType::kInt16
           : sizeof(U) == 4 ? ElementType::kInt32
                            : ElementType::kInt64;
  }
  if constexpr (std::unsigned_integral<U> && !std::same_as<U, bool> && !std::same_as<U, char8_t> &&
                !std::same_as<U, char16_t> && !std::same_as<U, char32_t>) {
    return sizeof(U) == 1   ? ElementType::kUint8
           : sizeof(U) == 2 ? ElementType::kUint16
           : sizeof(U) == 4 ? ElementType::kUint32
                            : ElementType::kUint64;
  }
  return ElementType::kUndefined;
}

/// A C++ type that stands for an element type.
template <typename T>
concept Element = element_type_of<T>() != ElementType::kUndefined;

}  // namespace oriel::ORIEL_API_NAMESPACE
