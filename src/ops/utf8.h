// UTF-8 text: code points, and letter case independent of the process's locale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace oriel::ops {

enum class LetterCase : std::uint8_t { kLower, kUpper };

/// A code point of a text and its length there; `bytes` is 0 where the text is not well-formed.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;
};

/// The code point at byte `at`, which has to be inside of the text.
CodePoint decode_utf8(std::string_view text, std::size_t at);

/// The single counterpart of a letter in the wanted case, where it has one, else the code point itself.
std::uint32_t with_case(std::uint32_t code_point, LetterCase wanted);

/// The text with every letter in the wanted case. Bytes that are no UTF-8 stay.
std::string with_case(const std::string& text, LetterCase wanted);

}  // namespace oriel::ops
