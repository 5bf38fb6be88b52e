// stb's implementation, in one object.
#include "stb.h"

#include <memory>
#include <string>

#include "base/error.h"

// Formats without a signature of their own would claim any file.
#define STBI_NO_TGA
#define STBI_NO_PSD
#define STBI_NO_HDR
#define STBI_NO_PIC
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

namespace oriel::shell {
namespace {

const stbi_uc* data_of(std::string_view bytes) { return reinterpret_cast<const stbi_uc*>(bytes.data()); }

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;

}  // namespace

bool is_picture(std::string_view bytes) {
  int width = 0;
  int height = 0;
  int channels = 0;
  return bytes.size() < (std::size_t{1} << 31) &&
         stbi_info_from_memory(data_of(bytes), static_cast<int>(bytes.size()), &width, &height, &channels) != 0;
}

Pixels decode(std::string_view bytes, int channels, const std::string& file) {
  Pixels pixels;
  int stored = 0;
  if (!is_picture(bytes) || stbi_info_from_memory(data_of(bytes), static_cast<int>(bytes.size()), &pixels.width,
                                                  &pixels.height, &stored) == 0) {
    fail(ErrorCode::kInvalidArgument, "{}: not a picture that can be read (JPEG, PNG, BMP, GIF, PNM)", file);
  }
  if (static_cast<std::int64_t>(pixels.width) * pixels.height > kMaxPixels) {
    fail(ErrorCode::kInvalidArgument, "{}: {} x {} pixels are more than {}", file, pixels.width, pixels.height,
         kMaxPixels);
  }
  const std::unique_ptr<stbi_uc, void (*)(void*)> data(
      stbi_load_from_memory(data_of(bytes), static_cast<int>(bytes.size()), &pixels.width, &pixels.height, &stored,
                            channels),
      stbi_image_free);
  if (!data) fail(ErrorCode::kInvalidArgument, "{}: damaged picture ({})", file, stbi_failure_reason());
  pixels.channels = channels;
  pixels.data.assign(data.get(), data.get() + static_cast<std::size_t>(pixels.width) *
                                                  static_cast<std::size_t>(pixels.height) *
                                                  static_cast<std::size_t>(channels));
  return pixels;
}

bool inflate(std::string_view data, std::string& into) {
  // The decoder looks ahead by two bytes, which a bare stream need not have behind its end.
  const std::string padded = std::string(data) + std::string(8, '\0');
  const int size = static_cast<int>(into.size());
  return stbi_zlib_decode_noheader_buffer(into.data(), size, padded.data(), static_cast<int>(padded.size())) == size;
}

}  // namespace oriel::shell
