// Pictures in files to pixels: the interface of the optional library of image codecs, which is loaded on first use, and
// its loader. What crosses between the two is of C types, so that the library depends on no part of the engine.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// What a pixel of the result holds.
enum OrielPixelFormat { ORIEL_PIXEL_RGB = 0, ORIEL_PIXEL_BGR = 1, ORIEL_PIXEL_GRAYSCALE = 2 };

/// How decoding ended.
enum OrielDecoded {
  ORIEL_DECODED = 0,
  /// The bytes are damaged or of no known format.
  ORIEL_UNREADABLE = 1,
  /// A function of OrielPictureSink returned null.
  ORIEL_STOPPED = 2
};

/// Where memory comes from. Both functions are called at most once, before any pixel is decoded; null means stop.
struct OrielPictureSink {
  void* user;
  /// height * width * channels bytes for the result: row by row from the top, 3 channels, or 1 of grayscale.
  std::uint8_t* (*allocate)(void* user, std::int64_t height, std::int64_t width);
  /// Memory for the time of decoding; the codec's own needs, as far as they grow with the picture, are part of it.
  std::uint8_t* (*scratch)(void* user, std::size_t bytes);
};

/// Decodes BMP, JPEG, JPEG 2000, PNG, PNM (P1 to P6), TIFF or WebP, told apart by their first bytes; of several
/// pictures in a file the first. Transparency is dropped. Grayscale is luma by ITU-R BT.601, rounded. 16-bit samples
/// keep their high byte.
using OrielDecodePicture = int (*)(const std::uint8_t* bytes, std::size_t size, int pixel_format,
                                   const OrielPictureSink* sink);
}

namespace oriel {

/// The function of liboriel_images.so, which is looked for beside the object that holds the engine, then where the
/// system's loader looks. Throws Error(kNotImplemented) that says what to install.
OrielDecodePicture load_image_codecs();

}  // namespace oriel
