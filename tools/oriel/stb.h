// What the shell needs of stb, behind types of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace oriel::shell {

/// Decoded pixels, row by row, channels together, 8 bits each.
struct Pixels {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<std::uint8_t> data;
};

/// Whether these bytes begin a picture that decode() may read.
bool is_picture(std::string_view bytes);
/// The picture with 1 (gray) or 3 (RGB) channels; transparency is dropped. Throws Error(kInvalidArgument) naming
/// `file`.
Pixels decode(std::string_view bytes, int channels, const std::string& file);
/// Raw deflate data into exactly `into.size()` bytes; false where it is damaged or of another length.
bool inflate(std::string_view data, std::string& into);

}  // namespace oriel::shell
