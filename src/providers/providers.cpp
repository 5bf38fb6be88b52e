// The list of providers, and the CPU provider.
#include "providers/provider.h"

namespace oriel {

const std::vector<Provider>& builtin_providers() {
  static const std::vector<Provider>* const list =
      new std::vector<Provider>{{"OpenVINOExecutionProvider", choose_openvino}, {"CPUExecutionProvider", choose_cpu}};
  return *list;
}

ProviderChoice choose_cpu(const ProviderOptions&, const CompileOptions& session) { return {{"CPU", "REFERENCE"}, session}; }

}  // namespace oriel
