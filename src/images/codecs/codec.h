// What the codecs share: the picture being made, and one function a format.
#pragma once

#include <cstddef>
#include <cstdint>

#include "images/images.h"

namespace oriel::images {

struct Bytes {
  const std::uint8_t* data;
  std::size_t size;
};

/// The picture being made: codecs call begin() once and fill rgb().
class Picture {
 public:
  Picture(int pixel_format, const OrielPictureSink& sink) : format_(pixel_format), sink_(sink) {}

  /// Takes memory for a picture of this size and `extra` more bytes. False where the size is not that of a picture, or
  /// where the caller stops it; then decoding ends.
  bool begin(std::uint64_t width, std::uint64_t height, std::uint64_t extra_per_pixel = 0);
  std::size_t width() const { return width_; }
  std::size_t height() const { return height_; }
  /// width * height * 3 bytes to fill.
  std::uint8_t* rgb() const { return rgb_; }
  /// The extra bytes asked for, at a boundary of 64 bytes.
  std::uint8_t* extra() const { return extra_; }
  bool stopped() const { return stopped_; }
  /// Turns what is in rgb() into the format that the caller wants.
  void finish();

 private:
  int format_;
  const OrielPictureSink& sink_;
  std::size_t width_ = 0;
  std::size_t height_ = 0;
  std::uint8_t* target_ = nullptr;
  std::uint8_t* rgb_ = nullptr;
  std::uint8_t* extra_ = nullptr;
  bool stopped_ = false;
};

// Each returns false for bytes that it cannot decode.
bool decode_bmp(Bytes bytes, Picture& picture);
bool decode_jpeg(Bytes bytes, Picture& picture);
bool decode_jpeg2000(Bytes bytes, Picture& picture);
bool decode_png(Bytes bytes, Picture& picture);
bool decode_pnm(Bytes bytes, Picture& picture);
bool decode_tiff(Bytes bytes, Picture& picture);
bool decode_webp(Bytes bytes, Picture& picture);

}  // namespace oriel::images
