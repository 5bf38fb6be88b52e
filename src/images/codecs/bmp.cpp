// BMP by stb_image: 1 to 32 bits a pixel, without run lengths.
#include <cstring>
#include <limits>

#include "images/codecs/codec.h"

#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_FAILURE_STRINGS
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace oriel::images {

bool decode_bmp(Bytes bytes, Picture& picture) {
  if (bytes.size > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
  const int size = static_cast<int>(bytes.size);
  int width = 0;
  int height = 0;
  int channels = 0;
  if (stbi_info_from_memory(bytes.data, size, &width, &height, &channels) == 0) return false;
  // The pixels that stb makes, in four channels where the file has them.
  if (width < 1 || height < 1 ||
      !picture.begin(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height), 8)) {
    return false;
  }
  stbi_uc* pixels = stbi_load_from_memory(bytes.data, size, &width, &height, &channels, 3);
  if (pixels == nullptr) return false;
  std::memcpy(picture.rgb(), pixels, picture.width() * picture.height() * 3);
  stbi_image_free(pixels);
  return true;
}

}  // namespace oriel::images
