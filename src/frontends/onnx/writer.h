// From a Graph to the bytes of an ONNX model.
#pragma once

#include <cstddef>
#include <string>

#include "ir/graph.h"

namespace oriel::onnx {

/// The operator set and IR version that models are written in.
inline constexpr int kWrittenOpset = 26;
inline constexpr int kWrittenIrVersion = 13;

struct WriteOptions {
  /// Tensors of this many bytes or more go into a file beside the model ("<model's file name>.data"); 0 keeps all inside.
  /// For files only.
  std::size_t external_threshold = 0;
};

/// The graph as a ModelProto. Operators keep their names and domains; bodies read captured values by name again. Throws
/// Error(kInvalidArgument) where the model would exceed protobuf's 2 GiB.
std::string write_onnx(const Graph& graph);

/// Writes the model, and its external data if any. Throws Error(kFail) naming the file that cannot be written.
void write_onnx_file(const Graph& graph, const std::string& path, const WriteOptions& options = {});

}  // namespace oriel::onnx
