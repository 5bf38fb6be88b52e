// TIFF by libtiff's reader of whole pictures, from memory.
#include <tiffio.h>

#include <algorithm>
#include <cstring>

#include "images/codecs/codec.h"

namespace oriel::images {
namespace {

struct File {
  Bytes bytes;
  std::size_t at;
};

File& self(thandle_t handle) { return *static_cast<File*>(handle); }

tmsize_t read(thandle_t handle, void* into, tmsize_t count) {
  File& file = self(handle);
  const std::size_t left = file.at < file.bytes.size ? file.bytes.size - file.at : 0;
  const std::size_t taken = std::min(left, static_cast<std::size_t>(std::max<tmsize_t>(count, 0)));
  std::memcpy(into, file.bytes.data + file.at, taken);
  file.at += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  File& file = self(handle);
  const toff_t base = whence == SEEK_CUR ? file.at : whence == SEEK_END ? file.bytes.size : 0;
  file.at = static_cast<std::size_t>(base + offset);
  return file.at;
}

int close(thandle_t) { return 0; }
toff_t size(thandle_t handle) { return self(handle).bytes.size; }
int on_message(TIFF*, void*, const char*, const char*, va_list) { return 1; }

bool decode(TIFF* tiff, Picture& picture) {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  if (TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width) == 0 || TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height) == 0) {
    return false;
  }
  // Colours are wanted as stored; said to be associated with the alpha, they are not multiplied by it.
  std::uint16_t extras = 0;
  std::uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds) != 0 && extras == 1 &&
      kinds[0] == EXTRASAMPLE_UNASSALPHA) {
    const std::uint16_t associated = EXTRASAMPLE_ASSOCALPHA;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &associated);
  }
  char reason[1024];
  if (TIFFRGBAImageOK(tiff, reason) == 0 || !picture.begin(width, height, sizeof(std::uint32_t))) return false;
  auto* const raster = reinterpret_cast<std::uint32_t*>(picture.extra());
  if (TIFFReadRGBAImageOriented(tiff, width, height, raster, ORIENTATION_TOPLEFT, 1) == 0) return false;
  for (std::size_t i = 0; i < picture.width() * picture.height(); ++i) {
    picture.rgb()[3 * i] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
    picture.rgb()[3 * i + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
    picture.rgb()[3 * i + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
  }
  return true;
}

}  // namespace

bool decode_tiff(Bytes bytes, Picture& picture) {
  File file{bytes, 0};
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  if (options == nullptr) return false;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_message, nullptr);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_message, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, tmsize_t{1} << 30);
  TIFF* tiff = TIFFClientOpenExt("picture", "rm", &file, read, write, seek, close, size, nullptr, nullptr, options);
  TIFFOpenOptionsFree(options);
  if (tiff == nullptr) return false;
  const bool done = decode(tiff, picture);
  TIFFClose(tiff);
  return done;
}

}  // namespace oriel::images
