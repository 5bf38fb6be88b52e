// The provider that OpenVINO users know: its options onto the engine's.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

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

using Json = nlohmann::json;

constexpr const char* kLoadConfig = "OpenVINOExecutionProvider: option load_config";

// Properties of OpenVINO's CPU device that say how it works and not what it computes: nothing here depends on them.
constexpr std::string_view kOtherProperties[] = {"NUM_STREAMS",
                                                 "PERF_COUNT",
                                                 "PERFORMANCE_HINT",
                                                 "PERFORMANCE_HINT_NUM_REQUESTS",
                                                 "ENABLE_CPU_PINNING",
                                                 "ENABLE_CPU_RESERVATION",
                                                 "SCHEDULING_CORE_TYPE",
                                                 "MODEL_DISTRIBUTION_POLICY",
                                                 "ENABLE_HYPER_THREADING",
                                                 "DEVICE_ID",
                                                 "CPU_DENORMALS_OPTIMIZATION",
                                                 "LOG_LEVEL",
                                                 "CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE",
                                                 "ENABLE_TENSOR_PARALLEL",
                                                 "TBB_PARTITIONER",
                                                 "DYNAMIC_QUANTIZATION_GROUP_SIZE",
                                                 "KV_CACHE_PRECISION",
                                                 "KEY_CACHE_PRECISION",
                                                 "VALUE_CACHE_PRECISION",
                                                 "KEY_CACHE_GROUP_SIZE",
                                                 "VALUE_CACHE_GROUP_SIZE",
                                                 "CACHE_DIR",
                                                 "CACHE_MODE"};

// The text of load_config: itself, or the file that it names.
std::string load_config_text(const std::string& value) {
  const std::size_t first = value.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || value[first] == '{') return value;
  std::ifstream file(value, std::ios::binary);
  if (!file) {
    fail(ErrorCode::kProviderFail, "{} is neither a JSON object nor a file that can be read: \"{}\"", kLoadConfig,
         value);
  }
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void read_cpu_property(CompileOptions& options, const std::string& name, const Json& json) {
  const std::string value = json.is_string() ? json.get<std::string>() : json.dump();
  const std::string label = std::string(kLoadConfig) + ": " + name;
  if (name == "INFERENCE_PRECISION_HINT") {
    options.precision = parse_precision(label, value, ErrorCode::kProviderFail);
  } else if (name == "EXECUTION_MODE_HINT") {
    if (value != "PERFORMANCE" && value != "ACCURACY") {
      fail(ErrorCode::kProviderFail, "{} is \"{}\", expected PERFORMANCE or ACCURACY", label, value);
    }
    options.mode = value == "ACCURACY" ? CompileOptions::Mode::kAccuracy : CompileOptions::Mode::kPerformance;
  } else if (name == "INFERENCE_NUM_THREADS") {
    if (value != "0") options.threads = positive("load_config: " + name, value);
  } else if (std::find(std::begin(kOtherProperties), std::end(kOtherProperties), name) == std::end(kOtherProperties)) {
    fail(ErrorCode::kProviderFail, "{}: the CPU has no property \"{}\"", kLoadConfig, name);
  }
}

// {"CPU": {property: value, ...}, ...}; what is said of other devices is left aside.
void read_load_config(CompileOptions& options, const std::string& value) {
  const std::string text = load_config_text(value);
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return;
  const Json config = Json::parse(text, nullptr, false);
  if (!config.is_object()) {
    fail(ErrorCode::kProviderFail, "{} is no JSON object: \"{}\"", kLoadConfig, text);
  }
  const auto cpu = config.find("CPU");
  if (cpu == config.end()) return;
  if (!cpu->is_object()) {
    fail(ErrorCode::kProviderFail, "{}: \"CPU\" is {}, expected an object", kLoadConfig, cpu->dump());
  }
  for (const auto& [name, property] : cpu->items()) read_cpu_property(options, name, property);
}

}  // namespace

ProviderChoice choose_openvino(const ProviderOptions& options, const CompileOptions& session) {
  ProviderChoice choice{{"CPU"}, session};
  choice.options.one_step_per_node = false;
  for (const auto& [name, value] : options) {
    if (name == "load_config") continue;
    if (name == "device_type") {
      if (value != "CPU") {
        fail(ErrorCode::kProviderFail,
             "OpenVINOExecutionProvider: device_type \"{}\" is not available on this machine; available: CPU", value);
      }
    } else if (name == "num_of_threads") {
      choice.options.threads = positive(name, value);
    } else if (name == "precision") {
      if (value == "FP32") {
        choice.options.precision = CompileOptions::Precision::kF32;
      } else if (value == "ACCURACY") {
        choice.options.mode = CompileOptions::Mode::kAccuracy;
      } else {
        fail(ErrorCode::kProviderFail,
             "OpenVINOExecutionProvider: option precision is \"{}\", CPU supports FP32 and ACCURACY", value);
      }
    } else if (!read_engine_option(choice.options, name, value, "OpenVINOExecutionProvider: option " + name)) {
      fail(ErrorCode::kProviderFail, "OpenVINOExecutionProvider: unknown option \"{}\"", name);
    }
  }
  // Its hints go before the other options.
  if (const auto config = options.find("load_config"); config != options.end()) {
    read_load_config(choice.options, config->second);
  }
  return choice;
}

}  // namespace oriel
