// The provider that OpenVINO users know: its options onto the engine's.
#include <charconv>

#include "base/error.h"
#include "providers/provider.h"

namespace oriel {
namespace {

int positive(const std::string& name, const std::string& text) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value <= 0) {
    fail(ErrorCode::kProviderFail, "OpenVINOExecutionProvider: option {} is \"{}\", expected a positive number", name,
         text);
  }
  return value;
}

}  // namespace

ProviderChoice choose_openvino(const ProviderOptions& options, const CompileOptions& session) {
  ProviderChoice choice{{"CPU"}, session};
  choice.options.one_step_per_node = false;
  for (const auto& [name, value] : options) {
    if (name == "device_type") {
      if (value != "CPU") {
        fail(ErrorCode::kProviderFail,
             "OpenVINOExecutionProvider: device_type \"{}\" is not available on this machine; available: CPU", value);
      }
    } else if (name == "num_of_threads") {
      choice.options.threads = positive(name, value);
    } else if (name == "weights_budget") {
      choice.options.weights_budget = parse_weights_budget("OpenVINOExecutionProvider: option weights_budget", value);
    } else if (name == "precision") {
      if (value == "FP32") {
        choice.options.precision = CompileOptions::Precision::kF32;
      } else if (value == "ACCURACY") {
        choice.options.mode = CompileOptions::Mode::kAccuracy;
      } else {
        fail(ErrorCode::kProviderFail,
             "OpenVINOExecutionProvider: option precision is \"{}\", CPU supports FP32 and ACCURACY", value);
      }
    } else {
      fail(ErrorCode::kProviderFail, "OpenVINOExecutionProvider: unknown option \"{}\"", name);
    }
  }
  return choice;
}

}  // namespace oriel
