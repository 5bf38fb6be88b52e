// The table of element types.
#include "base/element_type.h"

#include <iterator>

#include "base/error.h"

namespace oriel {
namespace {

enum Family : std::uint8_t { kOther, kFloat, kSigned, kUnsigned, kComplexFamily };

struct Row {
  std::string_view name;
  int bits;
  Family family;
};

constexpr Row kRows[] = {
    {"undefined", 0, kOther},
    {"f32", 32, kFloat},
    {"f64", 64, kFloat},
    {"f16", 16, kFloat},
    {"bf16", 16, kFloat},
    {"i8", 8, kSigned},
    {"i16", 16, kSigned},
    {"i32", 32, kSigned},
    {"i64", 64, kSigned},
    {"u8", 8, kUnsigned},
    {"u16", 16, kUnsigned},
    {"u32", 32, kUnsigned},
    {"u64", 64, kUnsigned},
    {"bool", 8, kOther},
    {"string", 8 * static_cast<int>(sizeof(std::string)), kOther},
    {"c64", 64, kComplexFamily},
    {"c128", 128, kComplexFamily},
    {"f8e4m3fn", 8, kFloat},
    {"f8e4m3fnuz", 8, kFloat},
    {"f8e5m2", 8, kFloat},
    {"f8e5m2fnuz", 8, kFloat},
    {"f8e8m0", 8, kFloat},
    {"i4", 4, kSigned},
    {"u4", 4, kUnsigned},
    {"i2", 2, kSigned},
    {"u2", 2, kUnsigned},
    {"f4e2m1", 4, kFloat},
};

const Row& row(ElementType type) { return kRows[static_cast<int>(type)]; }

}  // namespace

int element_bits(ElementType type) { return row(type).bits; }

std::size_t element_bytes(ElementType type, std::int64_t count) {
  std::int64_t bits = 0;
  if (count < 0 || __builtin_mul_overflow(count, static_cast<std::int64_t>(element_bits(type)), &bits)) {
    fail(ErrorCode::kInvalidArgument, "a tensor of {} {} elements does not fit the address space", count,
         element_name(type));
  }
  return static_cast<std::size_t>(bits / 8 + (bits % 8 != 0 ? 1 : 0));
}

std::string_view element_name(ElementType type) { return row(type).name; }

ElementType element_from_name(std::string_view name) {
  for (std::size_t i = 1; i < std::size(kRows); ++i) {
    if (kRows[i].name == name) return static_cast<ElementType>(i);
  }
  return ElementType::kUndefined;
}

bool is_float(ElementType type) { return row(type).family == kFloat; }
bool is_integer(ElementType type) { return row(type).family == kSigned || row(type).family == kUnsigned; }
bool is_signed_integer(ElementType type) { return row(type).family == kSigned; }
bool is_complex(ElementType type) { return row(type).family == kComplexFamily; }
bool is_sub_byte(ElementType type) { return row(type).bits > 0 && row(type).bits < 8; }

}  // namespace oriel
