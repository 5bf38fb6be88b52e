// From a Graph to the bytes of an ONNX model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ir/graph.h"

namespace oriel::onnx {

/// The operator set and IR version that models are written in.
inline constexpr int kWrittenOpset = 26;
inline constexpr int kWrittenIrVersion = 13;

/// A part of a file that holds a tensor's bytes.
struct FilePart {
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

struct WriteOptions {
  /// Tensors of this many bytes or more go into a file beside the model; 0 keeps all inside. For files only.
  std::size_t external_threshold = 0;
  /// The name of that file, looked up from the model's folder; empty: "<model's file name>.data".
  std::string external_file = {};
  /// Asked for every constant, by the name that it is written with: where its bytes lie already, or nothing to write
  /// them into the model. Goes before external_threshold.
  std::function<std::optional<FilePart>(const std::string& name, const Tensor& tensor)> locate = {};
};

/// The graph as a ModelProto. Operators keep their names and domains; bodies read captured values by name again. Throws
/// Error(kInvalidArgument) where the model would exceed protobuf's 2 GiB.
std::string write_onnx(const Graph& graph, const WriteOptions& options = {});

/// Writes the model, and its external data if any. Throws Error(kFail) naming the file that cannot be written.
void write_onnx_file(const Graph& graph, const std::string& path, const WriteOptions& options = {});

}  // namespace oriel::onnx
