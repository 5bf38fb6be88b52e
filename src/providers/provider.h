// Execution providers: a name, an option parser and a choice of devices.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "device/device.h"

namespace oriel {

using ProviderOptions = std::map<std::string, std::string>;

/// What a provider asks for: devices by name, in order of preference, with the options to compile for them.
struct ProviderChoice {
  std::vector<std::string> devices;
  CompileOptions options;
};

/// An execution provider.
struct Provider {
  std::string name;
  /// Reads options on top of what the session set. Throws Error(kInvalidArgument or kProviderFail) naming the option.
  ProviderChoice (*choose)(const ProviderOptions& options, const CompileOptions& session);
  /// Whether graphs that run on it are optimised in full whatever the session's level is.
  bool optimises_always = false;
};

/// All providers, in ONNX Runtime's order of priority.
const std::vector<Provider>& builtin_providers();

/// CompileOptions::weights_budget as options spell it: "default", "min" (no larger form at all) or a number of bytes.
/// Throws Error(kInvalidArgument) that names the option.
std::int64_t parse_weights_budget(const std::string& option, const std::string& text);

// One file each.
ProviderChoice choose_cpu(const ProviderOptions& options, const CompileOptions& session);
ProviderChoice choose_openvino(const ProviderOptions& options, const CompileOptions& session);

}  // namespace oriel
