// PNG by libpng: samples as they are stored, without gamma; palettes and low depths expanded.
#include <png.h>

#include <csetjmp>
#include <cstring>

#include "images/codecs/codec.h"

namespace oriel::images {
namespace {

struct Reader {
  Bytes bytes;
  std::size_t at;
  std::jmp_buf failed;
};

void on_error(png_structp png, png_const_charp) {
  std::longjmp(static_cast<Reader*>(png_get_error_ptr(png))->failed, 1);
}
void on_warning(png_structp, png_const_charp) {}

void read(png_structp png, png_bytep into, png_size_t count) {
  Reader& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader.bytes.size - reader.at) png_error(png, "end of data");
  std::memcpy(into, reader.bytes.data + reader.at, count);
  reader.at += count;
}

// Nothing here has a destructor: an error jumps over it.
bool decode(png_structp png, png_infop info, Reader& reader, Picture& picture) {
  if (setjmp(reader.failed) != 0) return false;
  png_set_read_fn(png, &reader, read);
  png_set_user_limits(png, 1U << 24, 1U << 24);
  png_read_info(png, info);
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_gray_to_rgb(png);
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  const std::size_t width = png_get_image_width(png, info);
  const std::size_t height = png_get_image_height(png, info);
  if (png_get_rowbytes(png, info) != width * 3 || !picture.begin(width, height)) return false;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::size_t y = 0; y < height; ++y) png_read_row(png, picture.rgb() + y * width * 3, nullptr);
  }
  png_read_end(png, nullptr);
  return true;
}

}  // namespace

bool decode_png(Bytes bytes, Picture& picture) {
  Reader reader{bytes, 0, {}};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  const bool done = info != nullptr && decode(png, info, reader, picture);
  if (png != nullptr) png_destroy_read_struct(&png, &info, nullptr);
  return done;
}

}  // namespace oriel::images
