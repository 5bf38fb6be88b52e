// From pixels to the numbers that a model was trained on.
#include "picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "arrays.h"
#include "model.h"
#include "report.h"
#include "stb.h"

namespace oriel::shell {
namespace {

// y = (x * scale - mean) / deviation, x from 0 to 255.
struct Preset {
  const char* name;
  const char* what;
  double scale;
  std::array<double, 3> mean;
  std::array<double, 3> deviation;
  const char* color;
  const char* fit;
  // Shorter side before cropping, relative to the input's.
  double margin;
};

constexpr Preset kPresets[] = {
    {"unit", "0 to 1", 1.0 / 255, {0, 0, 0}, {1, 1, 1}, "", "stretch", 1},
    {"signed", "-1 to 1", 1.0 / 127.5, {1, 1, 1}, {1, 1, 1}, "", "stretch", 1},
    {"bytes", "0 to 255", 1, {0, 0, 0}, {1, 1, 1}, "", "stretch", 1},
    {"imagenet",
     "torchvision's mean and deviation, the middle of 256/224",
     1.0 / 255,
     {0.485, 0.456, 0.406},
     {0.229, 0.224, 0.225},
     "rgb",
     "crop",
     256.0 / 224},
    {"caffe", "0 to 255, BGR, minus the mean", 1, {103.939, 116.779, 123.68}, {1, 1, 1}, "bgr", "crop", 256.0 / 224},
};

struct Layout {
  std::string name;  // "NCHW"
  int batch = -1;
  int channel = -1;
  int row = 0;
  int column = 0;
};

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

Layout named_layout(const std::string& name) {
  Layout layout{upper(name), -1, -1, 0, 0};
  for (int i = 0; i < static_cast<int>(name.size()); ++i) {
    const char axis = layout.name[static_cast<std::size_t>(i)];
    (axis == 'N' ? layout.batch : axis == 'C' ? layout.channel : axis == 'H' ? layout.row : layout.column) = i;
  }
  return layout;
}

bool may_be_channels(const Dim& d) { return d.is_known() && (d.value() == 1 || d.value() == 3); }

Layout choose_layout(const std::string& input, const ValueType& type, const std::string& wanted) {
  const std::string about = formatted("input \"{}\" ({})", input, type_text(type));
  if (!type.shape.is_ranked()) {
    if (!wanted.empty()) return named_layout(wanted);
    throw UsageError(about + " has no known rank; give --layout");
  }
  const std::size_t rank = type.shape.rank();
  if (!wanted.empty()) {
    if (wanted.size() != rank)
      throw UsageError(formatted("--layout {} has {} axes, but {} has {}", wanted, wanted.size(), about, rank));
    return named_layout(wanted);
  }
  if (rank == 2) return named_layout("hw");
  if (rank == 3 || rank == 4) {
    if (may_be_channels(type.shape[rank - 3])) return named_layout(rank == 4 ? "nchw" : "chw");
    if (may_be_channels(type.shape[rank - 1])) return named_layout(rank == 4 ? "nhwc" : "hwc");
  }
  throw UsageError(about + " does not look like a picture of 1 or 3 channels; give --layout, or the values as .npy");
}

// How much each source pixel counts for one pixel of a resized row: those from `first` on, weights that add up to 1.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

// A triangle as wide as a pixel of the coarser of the two grids, cut off at the edges.
std::vector<Taps> make_taps(int from, int to) {
  const double ratio = static_cast<double>(from) / to;
  const double reach = std::max(1.0, ratio);
  std::vector<Taps> list(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double center = (i + 0.5) * ratio;
    Taps& taps = list[static_cast<std::size_t>(i)];
    taps.first = std::max(0, static_cast<int>(std::ceil(center - reach - 0.5)));
    const int last = std::min(from - 1, static_cast<int>(std::floor(center + reach - 0.5)));
    double sum = 0;
    for (int k = taps.first; k <= last; ++k) {
      const double weight = std::max(0.0, 1 - std::fabs(k + 0.5 - center) / reach);
      taps.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& w : taps.weights) w = static_cast<float>(w / sum);
  }
  return list;
}

// Bilinear where the picture grows; where it shrinks, each pixel is the weighted mean of all that fall on it.
Pixels resized(const Pixels& from, int width, int height) {
  if (from.width == width && from.height == height) return from;
  const int channels = from.channels;
  const std::vector<Taps> across = make_taps(from.width, width);
  const std::vector<Taps> down = make_taps(from.height, height);
  const std::size_t row = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  std::vector<float> narrow(row * static_cast<std::size_t>(from.height));
  for (int y = 0; y < from.height; ++y) {
    const std::uint8_t* source = from.data.data() + static_cast<std::ptrdiff_t>(y) * from.width * channels;
    float* to = narrow.data() + static_cast<std::size_t>(y) * row;
    for (const Taps& taps : across) {
      for (int c = 0; c < channels; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < taps.weights.size(); ++k)
          sum += taps.weights[k] * source[(taps.first + static_cast<int>(k)) * channels + c];
        *to++ = sum;
      }
    }
  }
  Pixels to{width, height, channels, std::vector<std::uint8_t>(row * static_cast<std::size_t>(height))};
  std::vector<float> sums(row);
  for (int y = 0; y < height; ++y) {
    const Taps& taps = down[static_cast<std::size_t>(y)];
    std::fill(sums.begin(), sums.end(), 0.5F);
    for (std::size_t k = 0; k < taps.weights.size(); ++k) {
      const float* source = narrow.data() + (static_cast<std::size_t>(taps.first) + k) * row;
      for (std::size_t i = 0; i < row; ++i) sums[i] += taps.weights[k] * source[i];
    }
    for (std::size_t i = 0; i < row; ++i)
      to.data[static_cast<std::size_t>(y) * row + i] = static_cast<std::uint8_t>(std::clamp(sums[i], 0.0F, 255.0F));
  }
  return to;
}

// The whole picture, or its middle, on exactly width x height pixels.
Pixels fitted(const Pixels& picture, int width, int height, const std::string& fit, int resize, double margin,
              std::uint8_t fill, std::string& how) {
  if (fit == "stretch") {
    if (picture.width != width || picture.height != height) how += formatted(", stretched to {} x {}", width, height);
    return resized(picture, width, height);
  }
  const double across = static_cast<double>(width) / picture.width;
  const double down = static_cast<double>(height) / picture.height;
  double factor = fit == "pad" ? std::min(across, down) : std::max(across, down) * margin;
  if (fit == "crop" && resize > 0) factor = static_cast<double>(resize) / std::min(picture.width, picture.height);
  const Pixels scaled = resized(picture, std::max(1, static_cast<int>(std::lround(picture.width * factor))),
                                std::max(1, static_cast<int>(std::lround(picture.height * factor))));
  if (fit == "crop" && (scaled.width < width || scaled.height < height)) {
    throw UsageError(formatted("--resize {} makes a picture of {} x {}, too small to cut {} x {} from", resize,
                               scaled.width, scaled.height, width, height));
  }
  how += formatted(", resized to {} x {}, {} to {} x {}", scaled.width, scaled.height,
                   fit == "pad" ? "padded" : "cropped", width, height);
  Pixels out{width, height, picture.channels, {}};
  out.data.assign(
      static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(picture.channels),
      fill);
  const int left = (width - scaled.width) / 2;
  const int top = (height - scaled.height) / 2;
  const int first = std::max(0, left);
  const int count = std::min(width, left + scaled.width) - first;
  for (int y = std::max(0, top); y < std::min(height, top + scaled.height); ++y) {
    const auto* from =
        scaled.data.data() + (static_cast<std::ptrdiff_t>(y - top) * scaled.width + first - left) * picture.channels;
    std::copy_n(from, static_cast<std::ptrdiff_t>(count) * picture.channels,
                out.data.data() + (static_cast<std::ptrdiff_t>(y) * width + first) * picture.channels);
  }
  return out;
}

std::string list_text(const std::vector<double>& values) {
  if (std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; }))
    return formatted("{:g}", values[0]);
  std::vector<std::string> parts;
  for (const double v : values) parts.push_back(formatted("{:g}", v));
  return "[" + joined(parts, ", ") + "]";
}

// Mean or deviation by channel: one number stands for all.
std::vector<double> by_channel(const std::vector<double>& given, const std::array<double, 3>& preset, int channels,
                               const char* option) {
  if (given.empty()) {
    if (channels == 3) return {preset.begin(), preset.end()};
    if (std::any_of(preset.begin(), preset.end(), [&](double v) { return v != preset[0]; })) {
      throw UsageError(formatted("{} of the preset is for 3 channels, but the input takes {}", option, channels));
    }
    return {preset[0]};
  }
  if (given.size() == 1) return std::vector<double>(static_cast<std::size_t>(channels), given[0]);
  if (static_cast<int>(given.size()) != channels)
    throw UsageError(formatted("{} has {} values, but the input takes {} channels", option, given.size(), channels));
  return given;
}

}  // namespace

std::string preset_help() {
  std::vector<std::string> parts;
  for (const Preset& p : kPresets) parts.push_back(formatted("{} ({})", p.name, p.what));
  return joined(parts, ", ");
}

PictureTensor load_pictures(const std::vector<std::string>& files, const std::string& input, const ValueType& type,
                            const PictureArguments& arguments) {
  if (is_sub_byte(type.element) || !(is_float(type.element) || is_integer(type.element))) {
    throw UsageError(formatted("input \"{}\" takes {}, which a picture cannot give", input, type_text(type)));
  }
  const Layout layout = choose_layout(input, type, arguments.layout);
  const auto extent = [&](int axis) -> std::int64_t {
    if (axis < 0 || !type.shape.is_ranked() || !type.shape[static_cast<std::size_t>(axis)].is_known()) return -1;
    return type.shape[static_cast<std::size_t>(axis)].value();
  };
  const std::string wanted_preset =
      arguments.preset.empty() ? (is_float(type.element) ? "unit" : "bytes") : arguments.preset;
  const auto* const preset =
      std::find_if(std::begin(kPresets), std::end(kPresets), [&](const Preset& p) { return wanted_preset == p.name; });
  if (preset == std::end(kPresets))
    throw UsageError(formatted("--preset {} is not known; known: {}", wanted_preset, preset_help()));

  std::string color = !arguments.color.empty() ? arguments.color : preset->color;
  std::int64_t channels = layout.channel < 0 ? 1 : extent(layout.channel);
  if (channels < 0) channels = color == "gray" ? 1 : 3;
  if (channels != 1 && channels != 3)
    throw UsageError(formatted("input \"{}\" takes {} channels, pictures have 1 or 3", input, channels));
  if (arguments.color.empty() && !color.empty() && channels != 3) {
    throw UsageError(
        formatted("--preset {} is for 3 channels, but input \"{}\" takes {}", preset->name, input, channels));
  }
  if (color.empty()) color = channels == 1 ? "gray" : "rgb";
  if ((color == "gray") != (channels == 1))
    throw UsageError(formatted("color {} does not go with the {} channels of input \"{}\"", color, channels, input));
  const double scale = arguments.scale.value_or(preset->scale);
  const std::vector<double> mean = by_channel(arguments.mean, preset->mean, static_cast<int>(channels), "--mean");
  const std::vector<double> deviation =
      by_channel(arguments.deviation, preset->deviation, static_cast<int>(channels), "--std");
  if (std::any_of(deviation.begin(), deviation.end(), [](double d) { return d == 0; }))
    throw UsageError("--std 0 would divide by zero");
  const std::string fit = !arguments.fit.empty() ? arguments.fit : arguments.resize > 0 ? "crop" : preset->fit;

  const std::int64_t batch = layout.batch < 0 ? 1 : extent(layout.batch);
  const auto count = static_cast<std::int64_t>(files.size());
  if (batch >= 0 && batch != count)
    throw UsageError(
        formatted("{} pictures for input \"{}\", which takes {} ({})", count, input, batch, type_text(type)));

  PictureTensor result;
  Dims dims;
  std::int64_t height = extent(layout.row);
  std::int64_t width = extent(layout.column);
  for (std::int64_t n = 0; n < count; ++n) {
    const std::string& file = files[static_cast<std::size_t>(n)];
    const Pixels picture = decode(read_file(file), static_cast<int>(channels), file);
    std::string how = formatted("{} {} x {}", file, picture.width, picture.height);
    if (height < 0) height = picture.height;
    if (width < 0) width = picture.width;
    constexpr std::int64_t kMaxSide = 1 << 15;
    if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide)
      throw UsageError(formatted("input \"{}\" takes {} x {} pixels", input, width, height));
    const auto fill = static_cast<std::uint8_t>(std::clamp(arguments.pad_value, 0.0, 255.0));
    const Pixels pixels = fitted(picture, static_cast<int>(width), static_cast<int>(height), fit, arguments.resize,
                                 preset->margin, fill, how);
    result.sources.push_back(std::move(how));
    if (n == 0) {
      dims.resize(layout.name.size());
      const auto set = [&](int axis, std::int64_t value) {
        if (axis >= 0) dims[static_cast<std::size_t>(axis)] = value;
      };
      set(layout.batch, count);
      set(layout.channel, channels);
      set(layout.row, height);
      set(layout.column, width);
      result.tensor = Tensor::allocate(type.element, dims);
    }
    const Dims strides = row_major_strides(dims);
    const auto stride = [&](int axis) { return axis < 0 ? 0 : strides[static_cast<std::size_t>(axis)]; };
    const double low = is_float(type.element)            ? -INFINITY
                       : is_signed_integer(type.element) ? -std::ldexp(1, element_bits(type.element) - 1)
                                                         : 0;
    const double high = is_float(type.element)
                            ? INFINITY
                            : std::ldexp(1, element_bits(type.element) - (is_signed_integer(type.element) ? 1 : 0)) - 1;
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t source = color == "bgr" ? channels - 1 - c : c;
      const double m = mean[static_cast<std::size_t>(c)];
      const double d = deviation[static_cast<std::size_t>(c)];
      for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          const double pixel = pixels.data[static_cast<std::size_t>((y * width + x) * channels + source)];
          double value = (pixel * scale - m) / d;
          if (!is_float(type.element)) value = std::clamp(std::round(value), low, high);
          store_element(result.tensor,
                        n * stride(layout.batch) + c * stride(layout.channel) + y * stride(layout.row) +
                            x * stride(layout.column),
                        value);
        }
      }
    }
  }
  result.applied = formatted("{} {}, {}, x * {:g}", result.tensor.description(), layout.name, upper(color), scale);
  const bool shifts = std::any_of(mean.begin(), mean.end(), [](double v) { return v != 0; });
  const bool divides = std::any_of(deviation.begin(), deviation.end(), [](double v) { return v != 1; });
  if (shifts) result.applied += " - " + list_text(mean);
  if (divides) result.applied += formatted(", divided by {}", list_text(deviation));
  return result;
}

}  // namespace oriel::shell
