// Decoding and scaling through the stb libraries.
#include "picture.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#if __has_include(<stb/stb_image_resize2.h>)
#define STB_IMAGE_RESIZE2_IMPLEMENTATION
#include <stb/stb_image_resize2.h>
#else
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>
#endif

namespace {

// A triangle filter over as many pixels as the new size leaves out, in the encoding of the file.
bool resize(const Picture& from, Picture& to) {
#ifdef STB_IMAGE_RESIZE2_IMPLEMENTATION
  return stbir_resize(from.pixels.data(), from.width, from.height, 0, to.pixels.data(), to.width, to.height, 0,
                      from.channels == 1 ? STBIR_1CHANNEL : STBIR_RGB, STBIR_TYPE_UINT8, STBIR_EDGE_CLAMP,
                      STBIR_FILTER_TRIANGLE) != nullptr;
#else
  return stbir_resize_uint8_generic(from.pixels.data(), from.width, from.height, 0, to.pixels.data(), to.width,
                                    to.height, 0, from.channels, STBIR_ALPHA_CHANNEL_NONE, 0, STBIR_EDGE_CLAMP,
                                    STBIR_FILTER_TRIANGLE, STBIR_COLORSPACE_LINEAR, nullptr) != 0;
#endif
}

}  // namespace

Picture read_picture(const std::string& path, int channels) {
  Picture picture;
  picture.channels = channels;
  int in_file = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load(path.c_str(), &picture.width, &picture.height, &in_file, channels), stbi_image_free);
  if (!pixels) throw std::runtime_error("image " + path + ": " + stbi_failure_reason());
  const auto size = static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height) *
                    static_cast<std::size_t>(channels);
  picture.pixels.assign(pixels.get(), pixels.get() + size);
  return picture;
}

Picture centre_crop(const Picture& picture, int shorter, int width, int height) {
  const double ratio = static_cast<double>(shorter) / std::min(picture.width, picture.height);
  Picture scaled;
  scaled.channels = picture.channels;
  scaled.width = std::max(width, static_cast<int>(std::lround(picture.width * ratio)));
  scaled.height = std::max(height, static_cast<int>(std::lround(picture.height * ratio)));
  const auto channels = static_cast<std::size_t>(picture.channels);
  scaled.pixels.resize(static_cast<std::size_t>(scaled.width) * static_cast<std::size_t>(scaled.height) * channels);
  if (!resize(picture, scaled)) throw std::runtime_error("the picture cannot be scaled: out of memory");

  Picture crop{width, height, picture.channels, {}};
  const int left = (scaled.width - width) / 2, top = (scaled.height - height) / 2;
  for (int row = 0; row < height; ++row) {
    const auto first = (static_cast<std::size_t>(top + row) * static_cast<std::size_t>(scaled.width) +
                        static_cast<std::size_t>(left)) *
                       channels;
    const auto begin = scaled.pixels.begin() + static_cast<std::ptrdiff_t>(first);
    crop.pixels.insert(crop.pixels.end(), begin, begin + width * picture.channels);
  }
  return crop;
}

std::vector<float> normalised(const Picture& picture, const Normalisation& how, bool channels_last) {
  const auto channels = static_cast<std::size_t>(picture.channels);
  const std::size_t area = picture.pixels.size() / channels;
  std::vector<float> elements(picture.pixels.size());
  for (std::size_t c = 0; c < channels; ++c) {
    const std::size_t from = how.bgr ? channels - 1 - c : c;
    const bool grey = channels == 1;
    const double mean = grey ? (how.mean[0] + how.mean[1] + how.mean[2]) / 3 : how.mean[c];
    const double deviation = grey ? (how.std[0] + how.std[1] + how.std[2]) / 3 : how.std[c];
    for (std::size_t i = 0; i < area; ++i) {
      const double element = (picture.pixels[i * channels + from] / how.scale - mean) / deviation;
      elements[channels_last ? i * channels + c : c * area + i] = static_cast<float>(element);
    }
  }
  return elements;
}
