// The list of providers, and the CPU provider.
#include "base/error.h"
#include "providers/provider.h"

namespace oriel {

const std::vector<Provider>& builtin_providers() {
  static const std::vector<Provider>* const list =
      new std::vector<Provider>{{"OpenVINOExecutionProvider", choose_openvino, true}, {"CPUExecutionProvider", choose_cpu, false}};
  return *list;
}

ProviderChoice choose_cpu(const ProviderOptions& options, const CompileOptions& session) {
  ProviderChoice choice{{"CPU", "REFERENCE"}, session};
  for (const auto& [name, value] : options) {
    // The oracle alone, to compare with.
    if (name == "device" && value == "REFERENCE") {
      choice.devices = {"REFERENCE"};
    } else if (name == "device" && value != "CPU") {
      fail(ErrorCode::kInvalidArgument, "CPUExecutionProvider: option device is \"{}\", expected CPU or REFERENCE", value);
    }
  }
  return choice;
}

}  // namespace oriel
