// Letter case by the C library's tables of the C.UTF-8 locale; ASCII alone where the system lacks that locale.
#include "ops/utf8.h"

#include <locale.h>
#include <wctype.h>

namespace oriel::ops {
namespace {

void encode(std::uint32_t value, std::string& into) {
  const auto tail = [&](int shift) { into += static_cast<char>(0x80U | ((value >> shift) & 0x3fU)); };
  if (value < 0x80) {
    into += static_cast<char>(value);
  } else if (value < 0x800) {
    into += static_cast<char>(0xc0U | value >> 6);
    tail(0);
  } else if (value < 0x10000) {
    into += static_cast<char>(0xe0U | value >> 12);
    tail(6);
    tail(0);
  } else {
    into += static_cast<char>(0xf0U | value >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(at);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead >= 0xf8 || at + bytes > text.size()) return {0, 0};
  std::uint32_t value = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80U) return {0, 0};
    value = value << 6 | (byte(at + i) & 0x3fU);
  }
  const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  if (overlong || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {0, 0};
  return {value, bytes};
}

std::uint32_t with_case(std::uint32_t value, LetterCase wanted) {
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (value < 0x80) {
    if (wanted == LetterCase::kLower) return value >= 'A' && value <= 'Z' ? value + 32 : value;
    return value >= 'a' && value <= 'z' ? value - 32 : value;
  }
  if (unicode == nullptr) return value;
  const auto letter = static_cast<wint_t>(value);
  return static_cast<std::uint32_t>(wanted == LetterCase::kLower ? towlower_l(letter, unicode)
                                                                 : towupper_l(letter, unicode));
}

std::string with_case(const std::string& text, LetterCase wanted) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (point.bytes == 0) {
      out += text[at++];
      continue;
    }
    encode(with_case(point.value, wanted), out);
    at += point.bytes;
  }
  return out;
}

}  // namespace oriel::ops
