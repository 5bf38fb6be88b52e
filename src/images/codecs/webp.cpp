// WebP by libwebp; animations are not read.
#include <webp/decode.h>

#include "images/codecs/codec.h"

namespace oriel::images {

bool decode_webp(Bytes bytes, Picture& picture) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes.data, bytes.size, &features) != VP8_STATUS_OK || features.has_animation != 0) return false;
  // Lossless pictures are decoded as a whole, four bytes a pixel, before they are converted.
  constexpr int kLossless = 2;
  const std::uint64_t extra = features.format == kLossless ? 4 : 0;
  if (features.width < 1 || features.height < 1 ||
      !picture.begin(static_cast<std::uint64_t>(features.width), static_cast<std::uint64_t>(features.height), extra)) {
    return false;
  }
  const std::size_t stride = picture.width() * 3;
  return WebPDecodeRGBInto(bytes.data, bytes.size, picture.rgb(), stride * picture.height(),
                           static_cast<int>(stride)) != nullptr;
}

}  // namespace oriel::images
