// Classifies a picture with SqueezeNet, or any other classifier with one image input, and prints the likeliest labels.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "oriel/oriel.h"
#include "picture.h"

namespace {

struct Arguments {
  std::string model;
  std::string image;
  std::string labels;
  std::string provider = "OpenVINOExecutionProvider";
  std::string layout;
  std::string save_input;
  Normalisation normalisation;
  int top = 5;
  int threads = 0;
  int size = 224;
  int resize = 0;
};

struct ImageInput {
  std::string name;
  oriel::ElementType type;
  bool channels_last;
  int channels, height, width;
};

// The one image input of a classifier; dimensions that the model leaves open are 3 channels and `size` pixels.
ImageInput image_input(const oriel::Session& session, const Arguments& arguments) {
  const std::vector<oriel::ValueInfo>& inputs = session.inputs();
  if (inputs.size() != 1 || inputs[0].type.shape.size() != 4) {
    throw std::runtime_error("model " + arguments.model + ": wants one image input of 4 dimensions");
  }
  const std::vector<oriel::Dimension>& shape = inputs[0].type.shape;
  const auto is_channels = [](const oriel::Dimension& d) { return d.value == 1 || d.value == 3; };
  ImageInput input{inputs[0].name, inputs[0].type.element_type, arguments.layout == "NHWC", 0, 0, 0};
  if (arguments.layout.empty()) input.channels_last = is_channels(shape[3]) && !is_channels(shape[1]);
  const auto size = [&](int nchw, int nhwc, int otherwise) {
    const std::int64_t value = shape[static_cast<std::size_t>(input.channels_last ? nhwc : nchw)].value;
    return value > 0 ? static_cast<int>(value) : otherwise;
  };
  input.channels = size(1, 3, 3);
  input.height = size(2, 1, arguments.size);
  input.width = size(3, 2, arguments.size);
  if (input.channels != 1 && input.channels != 3) {
    throw std::runtime_error("model " + arguments.model + ": input " + input.name + " has " +
                             std::to_string(input.channels) + " channels, not 1 or 3");
  }
  return input;
}

oriel::Value image_tensor(const ImageInput& input, const Arguments& arguments) {
  const int shorter = std::max({arguments.resize > 0 ? arguments.resize : std::max(input.height, input.width) * 8 / 7,
                                input.height, input.width});
  const Picture picture =
      centre_crop(read_picture(arguments.image, input.channels), shorter, input.width, input.height);
  const oriel::Shape shape = input.channels_last ? oriel::Shape{1, input.height, input.width, input.channels}
                                                 : oriel::Shape{1, input.channels, input.height, input.width};
  Normalisation how = arguments.normalisation;
  // Models with integer inputs normalise pixels themselves.
  if (input.type == oriel::ElementType::kUint8) how = {1, {0, 0, 0}, {1, 1, 1}, how.bgr};
  const oriel::Value tensor = oriel::Value::copy(normalised(picture, how, input.channels_last), shape);
  return tensor.cast(input.type);
}

std::vector<std::string> read_labels(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("labels " + path + ": cannot be read");
  std::vector<std::string> labels;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    labels.push_back(line);
  }
  return labels;
}

// Softmax, unless the scores are probabilities already.
std::vector<double> probabilities_of(std::vector<double> scores) {
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  const auto [least, most] = std::minmax_element(scores.begin(), scores.end());
  if (*least >= 0 && std::abs(sum - 1) < 1e-2) return scores;
  const double largest = *most;
  for (double& score : scores) score = std::exp(score - largest);
  const double total = std::accumulate(scores.begin(), scores.end(), 0.0);
  for (double& score : scores) score /= total;
  return scores;
}

void classify(const Arguments& arguments) {
  oriel::SessionOptions options;
  options.intra_op_threads = arguments.threads;
  options.providers = {{arguments.provider}};
  oriel::Session session(arguments.model, options);

  const ImageInput input = image_input(session, arguments);
  const oriel::Value image = image_tensor(input, arguments);
  if (!arguments.save_input.empty()) {
    const auto bytes = image.bytes();
    std::ofstream file(arguments.save_input, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) throw std::runtime_error("tensor " + arguments.save_input + ": cannot be written");
  }

  const std::vector<oriel::Value> outputs = session.run({{input.name, image}}, {session.outputs()[0].name});
  const oriel::Value wide = outputs[0].cast(oriel::ElementType::kFloat64);
  const std::vector<double> scores = probabilities_of({wide.data<double>().begin(), wide.data<double>().end()});

  std::vector<std::string> labels;
  if (!arguments.labels.empty()) {
    labels = read_labels(arguments.labels);
    if (labels.size() != scores.size()) {
      throw std::runtime_error("labels " + arguments.labels + ": " + std::to_string(labels.size()) +
                               " labels, but the model has " + std::to_string(scores.size()) + " classes");
    }
  }
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto count = std::min(order.size(), static_cast<std::size_t>(arguments.top));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  for (std::size_t rank = 0; rank < count; ++rank) {
    const std::size_t index = order[rank];
    const std::string label = labels.empty() ? "class " + std::to_string(index) : labels[index];
    std::printf("%8.4f%%  %s\n", scores[index] * 100, label.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  Normalisation& pixels = arguments.normalisation;
  CLI::App app("Classifies a picture and prints the likeliest labels.");
  app.add_option("model", arguments.model, "an ONNX file with one image input")->required();
  app.add_option("image", arguments.image, "a JPEG or PNG file")->required();
  app.add_option("labels", arguments.labels, "a text file with one label a line");
  app.add_option("--top", arguments.top, "how many labels to print")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--scale", pixels.scale, "what pixels are divided by first")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--mean", pixels.mean, "what is subtracted then: R,G,B")->delimiter(',')->capture_default_str();
  app.add_option("--std", pixels.std, "what is divided by then: R,G,B")->delimiter(',')->capture_default_str();
  app.add_flag("--bgr", pixels.bgr, "the model wants blue, green, red (mean and std in this order)");
  app.add_option("--resize", arguments.resize, "shorter side before the crop (default: 8/7 of the input)");
  app.add_option("--size", arguments.size, "where the model leaves height and width open")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--layout", arguments.layout, "NCHW or NHWC (default: from the shape)")
      ->check(CLI::IsMember({"NCHW", "NHWC"}));
  app.add_option("--provider", arguments.provider, "execution provider")->capture_default_str();
  app.add_option("--threads", arguments.threads, "threads of the run (0: all processors)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--save-input", arguments.save_input,
                 "write the tensor that the model sees: its bytes, without a header");
  CLI11_PARSE(app, argc, argv);
  try {
    classify(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "squeezenet: %s\n", error.what());
    return 1;
  }
  return 0;
}
