// Pictures from files, and what a classifier wants to see of them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

/// Rows of pixels from top to bottom, `channels` bytes a pixel: red, green and blue, or grey.
struct Picture {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;
};

/// How pixels become the elements of a tensor: (pixel / scale - mean) / std, for red, green and blue.
struct Normalisation {
  double scale = 255;
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};
  bool bgr = false;
};

/// Decodes a JPEG, PNG, BMP, GIF or PNM file as grey (1 channel) or colour (3). Throws std::runtime_error.
Picture read_picture(const std::string& path, int channels);

/// Scales a picture, edges in proportion, until the shorter one measures `shorter`, and cuts `width` x `height` out of
/// its centre. `shorter` is at least as large as both.
Picture centre_crop(const Picture& picture, int shorter, int width, int height);

/// The elements of a picture, channel after channel, or pixel after pixel where `channels_last`. A grey picture uses
/// the average of the three means and deviations.
std::vector<float> normalised(const Picture& picture, const Normalisation& how, bool channels_last);
