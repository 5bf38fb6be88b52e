// Element types of tensors, with the names and numbers that the formats give them kept elsewhere.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/half.h"

namespace oriel {

enum class ElementType : std::uint8_t {
  kUndefined,
  kF32,
  kF64,
  kF16,
  kBF16,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kBool,
  kString,
  kComplex64,
  kComplex128,
  kF8E4M3FN,
  kF8E4M3FNUZ,
  kF8E5M2,
  kF8E5M2FNUZ,
  kF8E8M0,
  kI4,
  kU4,
  kI2,
  kU2,
  kF4E2M1,
};

/// Bits of one element; 0 for kUndefined, 8 * sizeof(std::string) for kString.
int element_bits(ElementType type);

/// Bytes of `count` elements; types below a byte are packed, the first element in the low bits.
/// Throws Error(kInvalidArgument) on overflow.
std::size_t element_bytes(ElementType type, std::int64_t count);

/// Short name as texts and dumps use it: "f32", "i64", "bool", "f8e4m3fn", "string".
std::string_view element_name(ElementType type);

/// The type with that short name; kUndefined where there is none.
ElementType element_from_name(std::string_view name);

/// f16, bf16, f32, f64 and the float8 and float4 types.
bool is_float(ElementType type);
/// Signed or unsigned integers of any width; not bool.
bool is_integer(ElementType type);
bool is_signed_integer(ElementType type);
bool is_complex(ElementType type);
/// Types of 2 and 4 bits.
bool is_sub_byte(ElementType type);

template <typename T>
struct ElementTypeOf;
#define ORIEL_ELEMENT_TYPE_OF(cpp, value)                    \
  template <>                                                \
  struct ElementTypeOf<cpp> {                                \
    static constexpr ElementType kType = ElementType::value; \
  };
ORIEL_ELEMENT_TYPE_OF(float, kF32)
ORIEL_ELEMENT_TYPE_OF(double, kF64)
ORIEL_ELEMENT_TYPE_OF(Half, kF16)
ORIEL_ELEMENT_TYPE_OF(BFloat16, kBF16)
ORIEL_ELEMENT_TYPE_OF(std::int8_t, kI8)
ORIEL_ELEMENT_TYPE_OF(std::int16_t, kI16)
ORIEL_ELEMENT_TYPE_OF(std::int32_t, kI32)
ORIEL_ELEMENT_TYPE_OF(std::int64_t, kI64)
ORIEL_ELEMENT_TYPE_OF(std::uint8_t, kU8)
ORIEL_ELEMENT_TYPE_OF(std::uint16_t, kU16)
ORIEL_ELEMENT_TYPE_OF(std::uint32_t, kU32)
ORIEL_ELEMENT_TYPE_OF(std::uint64_t, kU64)
ORIEL_ELEMENT_TYPE_OF(bool, kBool)
ORIEL_ELEMENT_TYPE_OF(std::string, kString)
ORIEL_ELEMENT_TYPE_OF(std::complex<float>, kComplex64)
ORIEL_ELEMENT_TYPE_OF(std::complex<double>, kComplex128)
#undef ORIEL_ELEMENT_TYPE_OF
template <typename T>
inline constexpr ElementType kElementTypeOf = ElementTypeOf<T>::kType;

}  // namespace oriel
