// The library's one function: tells formats apart, and brings pixels into the order that the caller wants.
#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "images/codecs/codec.h"

namespace oriel::images {
namespace {

// Longest side of a picture, far above what any of the formats is used for; products of it cannot overflow.
constexpr std::uint64_t kMaxSide = std::uint64_t{1} << 24;

using Decoder = bool (*)(Bytes, Picture&);

Decoder decoder_of(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data), bytes.size);
  const auto starts = [&](std::string_view with, std::size_t at = 0) {
    return text.size() >= at + with.size() && text.substr(at, with.size()) == with;
  };
  using namespace std::string_view_literals;
  if (starts("\xff\xd8\xff"sv)) return decode_jpeg;
  if (starts("\x89PNG\r\n\x1a\n"sv)) return decode_png;
  if (starts("BM"sv)) return decode_bmp;
  if (starts("RIFF"sv) && starts("WEBP"sv, 8)) return decode_webp;
  // Classic and big TIFF of both byte orders.
  if (starts("II*\0"sv) || starts("MM\0*"sv) || starts("II+\0"sv) || starts("MM\0+"sv)) return decode_tiff;
  if (starts("\xff\x4f\xff\x51"sv) || starts("\0\0\0\x0cjP  \r\n\x87\n"sv)) return decode_jpeg2000;
  if (text.size() > 2 && text[0] == 'P' && text[1] >= '1' && text[1] <= '6') return decode_pnm;
  return nullptr;
}

}  // namespace

bool Picture::begin(std::uint64_t width, std::uint64_t height, std::uint64_t extra_per_pixel) {
  if (width == 0 || height == 0 || width > kMaxSide || height > kMaxSide) return false;
  width_ = static_cast<std::size_t>(width);
  height_ = static_cast<std::size_t>(height);
  target_ = sink_.allocate(sink_.user, static_cast<std::int64_t>(height), static_cast<std::int64_t>(width));
  const std::size_t pixels = width_ * height_;
  const std::size_t own = format_ == ORIEL_PIXEL_GRAYSCALE ? (pixels * 3 + 63) / 64 * 64 : 0;
  const std::size_t extra = pixels * static_cast<std::size_t>(extra_per_pixel);
  std::uint8_t* scratch = nullptr;
  if (target_ != nullptr && own + extra > 0) scratch = sink_.scratch(sink_.user, own + extra);
  stopped_ = target_ == nullptr || (own + extra > 0 && scratch == nullptr);
  if (stopped_) return false;
  rgb_ = own > 0 ? scratch : target_;
  extra_ = scratch == nullptr ? nullptr : scratch + own;
  return true;
}

void Picture::finish() {
  const std::size_t pixels = width_ * height_;
  if (format_ == ORIEL_PIXEL_BGR) {
    for (std::size_t i = 0; i < pixels; ++i) std::swap(rgb_[3 * i], rgb_[3 * i + 2]);
  } else if (format_ == ORIEL_PIXEL_GRAYSCALE) {
    // 0.299 R + 0.587 G + 0.114 B in 16 fractional bits; the weights add up to one.
    for (std::size_t i = 0; i < pixels; ++i) {
      const std::uint32_t luma = 19595U * rgb_[3 * i] + 38470U * rgb_[3 * i + 1] + 7471U * rgb_[3 * i + 2];
      target_[i] = static_cast<std::uint8_t>((luma + 0x8000U) >> 16);
    }
  }
}

}  // namespace oriel::images

extern "C" __attribute__((visibility("default"))) int oriel_decode_picture_1(const std::uint8_t* bytes,
                                                                             std::size_t size, int pixel_format,
                                                                             const OrielPictureSink* sink) {
  using namespace oriel::images;
  const Bytes file{bytes, size};
  const Decoder decoder = decoder_of(file);
  if (decoder == nullptr) return ORIEL_UNREADABLE;
  Picture picture(pixel_format, *sink);
  const bool done = decoder(file, picture);
  if (picture.stopped()) return ORIEL_STOPPED;
  if (!done) return ORIEL_UNREADABLE;
  picture.finish();
  return ORIEL_DECODED;
}
