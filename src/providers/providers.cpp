// The list of providers, and the CPU provider.
#include <charconv>

#include "base/error.h"
#include "providers/provider.h"

namespace oriel {

const std::vector<Provider>& builtin_providers() {
  static const std::vector<Provider>* const list = new std::vector<Provider>{
      {"OpenVINOExecutionProvider", choose_openvino, true}, {"CPUExecutionProvider", choose_cpu, false}};
  return *list;
}

std::int64_t parse_weights_budget(const std::string& option, const std::string& text) {
  if (text == "default") return -1;
  if (text == "min") return 0;
  std::int64_t bytes = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (problem != std::errc() || end != text.data() + text.size() || bytes < 0) {
    fail(ErrorCode::kInvalidArgument, "{} is \"{}\", expected \"default\", \"min\" or a number of bytes", option, text);
  }
  return bytes;
}

ProviderChoice choose_cpu(const ProviderOptions& options, const CompileOptions& session) {
  ProviderChoice choice{{"CPU", "REFERENCE"}, session};
  for (const auto& [name, value] : options) {
    if (name == "weights_budget")
      choice.options.weights_budget = parse_weights_budget("CPUExecutionProvider: option weights_budget", value);
    // The oracle alone, to compare with.
    if (name == "device" && value == "REFERENCE") {
      choice.devices = {"REFERENCE"};
    } else if (name == "device" && value != "CPU") {
      fail(ErrorCode::kInvalidArgument, "CPUExecutionProvider: option device is \"{}\", expected CPU or REFERENCE",
           value);
    }
  }
  return choice;
}

}  // namespace oriel
