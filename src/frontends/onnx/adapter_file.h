// Adapter files (LoRA parameters by name), in ONNX Runtime's format: a FlatBuffer with the identifier "TORT".
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "ir/tensor.h"

namespace oriel::onnx {

/// Values for inputs of a model, by the input's name.
struct Adapter {
  static constexpr int kFormatVersion = 1;
  int format_version = kFormatVersion;
  int adapter_version = 0;
  int model_version = 0;
  std::vector<std::pair<std::string, Tensor>> parameters;
};

/// Reads an adapter; its tensors share the bytes. Throws Error(kRuntimeException) where the bytes are no adapter,
/// contradict themselves or have a format version other than kFormatVersion.
Adapter read_adapter(const std::shared_ptr<Memory>& bytes);
/// The same from a file, which stays mapped as long as the tensors live. Throws Error(kNoSuchFile) too.
Adapter read_adapter_file(const std::string& path);

/// The bytes of an adapter file. Throws Error(kInvalidArgument) for tensors of strings and beyond 2 GiB.
std::string write_adapter(const Adapter& adapter);
/// Throws Error(kFail) naming a file that cannot be written.
void write_adapter_file(const Adapter& adapter, const std::string& path);

}  // namespace oriel::onnx
