// Portable bitmaps, graymaps and pixmaps, as text (P1 to P3) and as bytes (P4 to P6).
#include <cstdint>

#include "images/codecs/codec.h"

namespace oriel::images {
namespace {

class Text {
 public:
  explicit Text(Bytes bytes) : bytes_(bytes) {}

  bool space_at_cursor() const { return at_ < bytes_.size && is_space(bytes_.data[at_]); }
  std::size_t at() const { return at_; }
  void move(std::size_t count) { at_ += count; }

  // White space, and comments from # to the end of the line.
  void skip_space() {
    for (; at_ < bytes_.size; ++at_) {
      if (bytes_.data[at_] == '#') {
        while (at_ < bytes_.size && bytes_.data[at_] != '\n' && bytes_.data[at_] != '\r') ++at_;
        if (at_ == bytes_.size) return;
      } else if (!is_space(bytes_.data[at_])) {
        return;
      }
    }
  }

  // A decimal number of at most `digits` digits behind white space.
  bool number(std::uint32_t& value, int digits) {
    skip_space();
    value = 0;
    int seen = 0;
    for (; at_ < bytes_.size && bytes_.data[at_] >= '0' && bytes_.data[at_] <= '9' && seen < digits; ++at_, ++seen) {
      value = value * 10 + (bytes_.data[at_] - '0');
    }
    return seen > 0;
  }

 private:
  static bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  Bytes bytes_;
  std::size_t at_ = 2;
};

}  // namespace

bool decode_pnm(Bytes bytes, Picture& picture) {
  const int kind = bytes.data[1] - '0';
  const bool bits = kind == 1 || kind == 4;
  const bool text = kind <= 3;
  const std::size_t channels = kind == 3 || kind == 6 ? 3 : 1;
  Text reader(bytes);
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t largest = 1;
  if (!reader.number(width, 9) || !reader.number(height, 9)) return false;
  if (!bits && (!reader.number(largest, 5) || largest == 0 || largest > 65535)) return false;
  if (!reader.space_at_cursor()) return false;
  reader.move(1);
  // A text has at least one character a sample, bytes have their exact number: small files make no large pictures.
  const std::uint64_t samples = std::uint64_t{width} * height * channels;
  const std::uint64_t row_bytes =
      kind == 4 ? (std::uint64_t{width} + 7) / 8 : std::uint64_t{width} * channels * (!text && largest > 255 ? 2 : 1);
  if ((text ? samples : row_bytes * height) > bytes.size - reader.at()) return false;
  if (!picture.begin(width, height)) return false;
  std::uint8_t* rgb = picture.rgb();
  const std::uint8_t* data = bytes.data + reader.at();
  for (std::uint64_t y = 0; y < height; ++y) {
    for (std::uint64_t x = 0; x < width; ++x, rgb += 3) {
      for (std::size_t c = 0; c < channels; ++c) {
        std::uint32_t value = 0;
        const std::uint64_t at = y * row_bytes + (kind == 4 ? x / 8 : (x * channels + c) * (largest > 255 ? 2 : 1));
        if (text) {
          // Samples of a bitmap may stand without space between them.
          if (!reader.number(value, bits ? 1 : 5)) return false;
        } else if (kind == 4) {
          value = (data[at] >> (7 - x % 8)) & 1U;
        } else {
          value = largest > 255 ? (std::uint32_t{data[at]} << 8) + data[at + 1] : data[at];
        }
        // A set bit is black.
        if (bits) value = 1 - (value & 1U);
        if (value > largest) return false;
        rgb[c] = static_cast<std::uint8_t>((value * 255 + largest / 2) / largest);
      }
      if (channels == 1) rgb[1] = rgb[2] = rgb[0];
    }
  }
  return true;
}

}  // namespace oriel::images
