// JPEG 2000, in boxes or as a bare code stream, by OpenJPEG.
#include <openjpeg.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "images/codecs/codec.h"

namespace oriel::images {
namespace {

struct File {
  Bytes bytes;
  std::size_t at;
};

OPJ_SIZE_T read(void* into, OPJ_SIZE_T count, void* user) {
  File& file = *static_cast<File*>(user);
  if (file.at >= file.bytes.size) return static_cast<OPJ_SIZE_T>(-1);
  const std::size_t taken = std::min<std::size_t>(count, file.bytes.size - file.at);
  std::memcpy(into, file.bytes.data + file.at, taken);
  file.at += taken;
  return taken;
}

OPJ_OFF_T skip(OPJ_OFF_T count, void* user) {
  File& file = *static_cast<File*>(user);
  if (count < 0) return -1;
  file.at += std::min(static_cast<std::size_t>(count), file.bytes.size - file.at);
  return count;
}

OPJ_BOOL seek(OPJ_OFF_T to, void* user) {
  File& file = *static_cast<File*>(user);
  if (to < 0 || static_cast<std::size_t>(to) > file.bytes.size) return OPJ_FALSE;
  file.at = static_cast<std::size_t>(to);
  return OPJ_TRUE;
}

// The component's sample that covers pixel (x, y), as a byte.
int sample(const opj_image_comp_t& c, std::size_t x, std::size_t y) {
  const std::size_t column = std::min<std::size_t>(x / c.dx, c.w - 1);
  const std::size_t row = std::min<std::size_t>(y / c.dy, c.h - 1);
  std::int64_t value = c.data[row * c.w + column];
  if (c.sgnd != 0) value += std::int64_t{1} << (c.prec - 1);
  value = c.prec > 8 ? value >> (c.prec - 8) : value << (8 - c.prec);
  return static_cast<int>(std::clamp<std::int64_t>(value, 0, 255));
}

std::uint8_t rounded(double value) { return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L)); }

bool convert(const opj_image_t& image, Picture& picture) {
  const bool gray = image.numcomps < 3;
  for (OPJ_UINT32 i = 0; i < (gray ? 1U : 3U); ++i) {
    const opj_image_comp_t& c = image.comps[i];
    if (c.data == nullptr || c.w == 0 || c.h == 0 || c.dx == 0 || c.dy == 0 || c.prec < 1 || c.prec > 31) return false;
  }
  const bool luma = !gray && image.color_space == OPJ_CLRSPC_SYCC;
  std::uint8_t* rgb = picture.rgb();
  for (std::size_t y = 0; y < picture.height(); ++y) {
    for (std::size_t x = 0; x < picture.width(); ++x, rgb += 3) {
      const int first = sample(image.comps[0], x, y);
      const int second = gray ? first : sample(image.comps[1], x, y);
      const int third = gray ? first : sample(image.comps[2], x, y);
      if (luma) {
        const double blue = second - 128;
        const double red = third - 128;
        rgb[0] = rounded(first + 1.402 * red);
        rgb[1] = rounded(first - 0.344136 * blue - 0.714136 * red);
        rgb[2] = rounded(first + 1.772 * blue);
      } else {
        rgb[0] = static_cast<std::uint8_t>(first);
        rgb[1] = static_cast<std::uint8_t>(second);
        rgb[2] = static_cast<std::uint8_t>(third);
      }
    }
  }
  return true;
}

bool decode(opj_codec_t* codec, opj_stream_t* stream, opj_image_t*& image, Picture& picture) {
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  if (opj_setup_decoder(codec, &parameters) == 0 || opj_read_header(stream, codec, &image) == 0) return false;
  if (image->numcomps < 1 || image->x1 <= image->x0 || image->y1 <= image->y0) return false;
  // Every component has 32 bits a sample, twice: in its tile and in the image.
  if (image->numcomps > 16 || !picture.begin(image->x1 - image->x0, image->y1 - image->y0, 8U * image->numcomps)) {
    return false;
  }
  return opj_decode(codec, stream, image) != 0 && opj_end_decompress(codec, stream) != 0 && convert(*image, picture);
}

}  // namespace

bool decode_jpeg2000(Bytes bytes, Picture& picture) {
  File file{bytes, 0};
  opj_stream_t* stream = opj_stream_default_create(OPJ_TRUE);
  opj_codec_t* codec = opj_create_decompress(bytes.data[0] == 0xff ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
  opj_image_t* image = nullptr;
  bool done = false;
  if (stream != nullptr && codec != nullptr) {
    opj_stream_set_user_data(stream, &file, nullptr);
    opj_stream_set_user_data_length(stream, bytes.size);
    opj_stream_set_read_function(stream, read);
    opj_stream_set_skip_function(stream, skip);
    opj_stream_set_seek_function(stream, seek);
    done = decode(codec, stream, image, picture);
  }
  if (image != nullptr) opj_image_destroy(image);
  if (codec != nullptr) opj_destroy_codec(codec);
  if (stream != nullptr) opj_stream_destroy(stream);
  return done;
}

}  // namespace oriel::images
