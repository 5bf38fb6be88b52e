// The list of providers, and the CPU provider.
#include <charconv>

#include "base/cpu_features.h"
#include "base/error.h"
#include "providers/provider.h"

namespace oriel {

const std::vector<Provider>& builtin_providers() {
  static const std::vector<Provider>* const list = new std::vector<Provider>{
      {"OpenVINOExecutionProvider", choose_openvino, true}, {"CPUExecutionProvider", choose_cpu, false}};
  return *list;
}

namespace {

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

}  // namespace

CompileOptions::Precision parse_precision(const std::string& label, const std::string& text, ErrorCode code) {
  if (text == "f32") return CompileOptions::Precision::kF32;
  if (text != "bf16") fail(code, "{} is \"{}\", expected \"f32\" or \"bf16\"", label, text);
  if (max_isa() < Isa::kBf16) {
    fail(code, "{} is \"bf16\": needs the instruction set bf16 (AVX512_BF16), this machine offers {}", label,
         isa_name(max_isa()));
  }
  return CompileOptions::Precision::kBF16;
}

bool read_engine_option(CompileOptions& options, const std::string& name, const std::string& value,
                        const std::string& label) {
  if (name == "weights_budget") {
    options.weights_budget = parse_weights_budget(label, value);
  } else if (name == "inference_precision") {
    options.precision = parse_precision(label, value, ErrorCode::kInvalidArgument);
  } else if (name == "winograd") {
    if (value != "on" && value != "off") {
      fail(ErrorCode::kInvalidArgument, "{} is \"{}\", expected \"on\" or \"off\"", label, value);
    }
    options.winograd = value == "on";
  } else {
    return false;
  }
  return true;
}

ProviderChoice choose_cpu(const ProviderOptions& options, const CompileOptions& session) {
  ProviderChoice choice{{"CPU", "REFERENCE"}, session};
  for (const auto& [name, value] : options) {
    if (read_engine_option(choice.options, name, value, "CPUExecutionProvider: option " + name)) continue;
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
