// What the command line asks for, as plain data: the commands know nothing of its syntax.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace oriel::shell {

/// A command line that cannot be followed: ends the program with status 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Which model, and how its session is made.
struct ModelArguments {
  std::string model;
  /// Names of providers, whole or without "ExecutionProvider", in order of priority.
  std::vector<std::string> providers;
  /// "KEY=VALUE" for the first provider.
  std::vector<std::string> options;
  std::string level = "all";
  int threads = 0;
  /// "NAME=N"
  std::vector<std::string> dims;
  /// "NAME=1x3x224x224", or the dimensions alone where the model has one input.
  std::vector<std::string> shapes;
};

/// How a picture becomes a tensor. What is not given comes from the preset, then from the model's input.
struct PictureArguments {
  std::string preset;
  std::optional<double> scale;
  std::vector<double> mean;
  std::vector<double> deviation;
  /// "nchw", "nhwc", "chw", "hwc", "hw"; empty: from the shape of the input.
  std::string layout;
  /// "rgb", "bgr", "gray"; empty: from the number of channels.
  std::string color;
  /// "stretch", "crop", "pad"
  std::string fit;
  /// Length of the shorter side before the middle is cut out; 0: what covers the input.
  int resize = 0;
  double pad_value = 0;
};

/// Values for the model's inputs.
struct InputArguments {
  /// "FILE", "NAME=FILE" or "NAME=[1, 2]".
  std::vector<std::string> inputs;
  std::optional<std::uint32_t> random;
  bool cast = false;
  PictureArguments picture;
};

struct RunArguments {
  ModelArguments model;
  InputArguments input;
  std::string labels;
  /// 0: by the look of the output.
  int top = 0;
  int repeat = 1;
  int warmup = -1;
  /// "NAME=FILE"
  std::vector<std::string> outputs;
  std::string output_folder;
};

struct DumpArguments {
  ModelArguments model;
  std::string stage = "optimise";
  std::string onnx;
  std::string file;
};

struct ExplainArguments {
  ModelArguments model;
  InputArguments input;
  bool measure = false;
  int repeat = 10;
};

struct DiffArguments {
  ModelArguments model;
  InputArguments input;
  std::string against = "REFERENCE";
  double tolerance = 1e-4;
  bool nodes = false;
};

struct OperatorArguments {
  std::string text;
};

struct DoctorArguments {
  bool measure = false;
  int threads = 0;
};

}  // namespace oriel::shell
