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

/// Reads an option that all providers have, and sessions as the configuration entry "session.oriel.<name>":
///   weights_budget:       "default", "min" (no larger form at all) or a number of bytes;
///   inference_precision:  as parse_precision has it;
///   winograd:             "on" or "off".
/// False for any other name. Throws Error(kInvalidArgument) that calls the option `label`.
bool read_engine_option(CompileOptions& options, const std::string& name, const std::string& value,
                        const std::string& label);

/// "f32" or "bf16" (products and convolutions of values rounded to bf16, with sums in f32). Throws Error(code) that
/// calls the option `label`, also where this machine cannot multiply in bf16.
CompileOptions::Precision parse_precision(const std::string& label, const std::string& text, ErrorCode code);

// One file each.
ProviderChoice choose_cpu(const ProviderOptions& options, const CompileOptions& session);
ProviderChoice choose_openvino(const ProviderOptions& options, const CompileOptions& session);

}  // namespace oriel
