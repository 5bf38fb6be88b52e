// JPEG by libjpeg: islow transform, smooth upsampling of the chroma, any colour space.
#include <csetjmp>
#include <cstdio>
// After <cstdio>, which it needs.
#include <jerror.h>
#include <jpeglib.h>

#include "images/codecs/codec.h"

namespace oriel::images {
namespace {

// A progressive file may repeat its scans without end.
constexpr int kMaxScans = 500;

struct Decompressor {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf failed;
};

Decompressor& self(j_common_ptr info) { return *static_cast<Decompressor*>(info->client_data); }

void give_up(j_common_ptr info) { std::longjmp(self(info).failed, 1); }
void be_silent(j_common_ptr) {}

// A file that ends early is damaged; other warnings are about what can be read all the same.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) give_up(info);
}

void on_progress(j_common_ptr info) {
  if (info->is_decompressor && reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) give_up(info);
}

// Four inks to three colours, in place from the end of `row` on; with Adobe's marker 255 stands for no ink.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, std::size_t width, bool inverted) {
  for (std::size_t x = 0; x < width; ++x) {
    const unsigned key = inverted ? cmyk[4 * x + 3] : 255U - cmyk[4 * x + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned light = inverted ? cmyk[4 * x + c] : 255U - cmyk[4 * x + c];
      rgb[3 * x + c] = static_cast<std::uint8_t>((light * key + 127) / 255);
    }
  }
}

// Nothing here has a destructor: an error jumps over it.
bool decode(Decompressor& d, Bytes bytes, Picture& picture) {
  if (setjmp(d.failed) != 0) return false;
  jpeg_create_decompress(&d.info);
  d.info.client_data = &d;
  d.progress.progress_monitor = on_progress;
  d.info.progress = &d.progress;
  jpeg_mem_src(&d.info, bytes.data, bytes.size);
  jpeg_read_header(&d.info, TRUE);
  const bool inks = d.info.jpeg_color_space == JCS_CMYK || d.info.jpeg_color_space == JCS_YCCK;
  d.info.out_color_space = inks ? JCS_CMYK : JCS_RGB;
  jpeg_calc_output_dimensions(&d.info);
  // Progressive files keep all coefficients, two bytes each; inks need a row of their own.
  const std::uint64_t extra =
      (jpeg_has_multiple_scans(&d.info) != 0 ? 2U * static_cast<unsigned>(d.info.num_components) : 0U) +
      (inks ? 4U : 0U);
  if (!picture.begin(d.info.output_width, d.info.output_height, extra)) return false;
  jpeg_start_decompress(&d.info);
  while (d.info.output_scanline < d.info.output_height) {
    std::uint8_t* target = picture.rgb() + d.info.output_scanline * picture.width() * 3;
    JSAMPROW row = inks ? picture.extra() : target;
    if (jpeg_read_scanlines(&d.info, &row, 1) != 1) return false;
    if (inks) cmyk_to_rgb(row, target, picture.width(), d.info.saw_Adobe_marker != 0);
  }
  return true;
}

}  // namespace

bool decode_jpeg(Bytes bytes, Picture& picture) {
  Decompressor d{};
  d.info.err = jpeg_std_error(&d.errors);
  d.errors.error_exit = give_up;
  d.errors.output_message = be_silent;
  d.errors.emit_message = on_message;
  d.info.client_data = &d;
  const bool done = decode(d, bytes, picture);
  jpeg_destroy_decompress(&d.info);
  return done;
}

}  // namespace oriel::images
