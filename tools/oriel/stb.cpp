// stb's implementations, in one object.
#include "stb.h"

#include <memory>

#include "base/error.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
// Formats without a signature of their own would claim any file.
#define STBI_NO_TGA
#define STBI_NO_PSD
#define STBI_NO_HDR
#define STBI_NO_PIC
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>
#pragma GCC diagnostic pop

namespace oriel::shell {
namespace {

const stbi_uc* data_of(std::string_view bytes) { return reinterpret_cast<const stbi_uc*>(bytes.data()); }

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;

}  // namespace

bool is_picture(std::string_view bytes) {
  int width = 0;
  int height = 0;
  int channels = 0;
  return bytes.size() < (std::size_t{1} << 31) && stbi_info_from_memory(data_of(bytes), static_cast<int>(bytes.size()), &width, &height, &channels) != 0;
}

Pixels decode(std::string_view bytes, int channels, const std::string& file) {
  Pixels pixels;
  int stored = 0;
  if (!is_picture(bytes) || stbi_info_from_memory(data_of(bytes), static_cast<int>(bytes.size()), &pixels.width, &pixels.height, &stored) == 0) {
    fail(ErrorCode::kInvalidArgument, "{}: not a picture that can be read (JPEG, PNG, BMP, GIF, PNM)", file);
  }
  if (static_cast<std::int64_t>(pixels.width) * pixels.height > kMaxPixels) {
    fail(ErrorCode::kInvalidArgument, "{}: {} x {} pixels are more than {}", file, pixels.width, pixels.height, kMaxPixels);
  }
  const std::unique_ptr<stbi_uc, void (*)(void*)> data(
      stbi_load_from_memory(data_of(bytes), static_cast<int>(bytes.size()), &pixels.width, &pixels.height, &stored, channels), stbi_image_free);
  if (!data) fail(ErrorCode::kInvalidArgument, "{}: damaged picture ({})", file, stbi_failure_reason());
  pixels.channels = channels;
  pixels.data.assign(data.get(), data.get() + static_cast<std::size_t>(pixels.width) * static_cast<std::size_t>(pixels.height) * static_cast<std::size_t>(channels));
  return pixels;
}

Pixels resized(const Pixels& from, int width, int height) {
  if (from.width == width && from.height == height) return from;
  Pixels to{width, height, from.channels, {}};
  to.data.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(from.channels));
  if (stbir_resize_uint8_generic(from.data.data(), from.width, from.height, 0, to.data.data(), width, height, 0, from.channels, STBIR_ALPHA_CHANNEL_NONE, 0,
                                 STBIR_EDGE_CLAMP, STBIR_FILTER_TRIANGLE, STBIR_COLORSPACE_LINEAR, nullptr) == 0) {
    fail(ErrorCode::kOutOfMemory, "no memory to resize a picture to {} x {}", width, height);
  }
  return to;
}

bool inflate(std::string_view data, std::string& into) {
  const int size = static_cast<int>(into.size());
  return stbi_zlib_decode_noheader_buffer(into.data(), size, data.data(), static_cast<int>(data.size())) == size;
}

}  // namespace oriel::shell
