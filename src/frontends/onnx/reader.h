// From the bytes of an ONNX model to a Graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "ir/graph.h"

namespace oriel::onnx {

/// How to read a model. The limits bound what a hostile file can cost.
struct ReadOptions {
  /// Values for free dimensions of the model's inputs, by symbolic name (dim_param).
  std::vector<std::pair<std::string, std::int64_t>> dim_params;
  /// The same by denotation; a symbolic name goes first.
  std::vector<std::pair<std::string, std::int64_t>> dim_denotations;
  /// Shapes that replace those of the named inputs. Their symbols, if any, must come from no other model.
  std::vector<std::pair<std::string, Shape>> input_shapes;
  /// Values for the main graph's initializers of these names; what the model holds for them is not read. Type and
  /// dimensions must be the model's. Names that the model does not have are passed over.
  std::vector<std::pair<std::string, Tensor>> initializers;
  /// Where external data of a model from memory lies; files use their own folder.
  std::string external_data_folder;
  /// Contents that stand for the external data files of these names (as the model spells them), which are not opened.
  std::vector<std::pair<std::string, std::shared_ptr<Memory>>> external_files;
  /// The operators to know; null for builtin_ops().
  const OpRegistry* registry = nullptr;
  /// Nodes read in all, those of bodies and of inlined functions included, each as often as it is read.
  std::size_t max_nodes = 2'000'000;
  /// Bodies, functions and types inside each other.
  int max_depth = 64;
  /// Bytes of the dense form of one sparse tensor.
  std::size_t max_dense_bytes = std::size_t{1} << 31;
};

/// Reads a file, which stays mapped as long as tensors of the graph live; large f32 constants lie in it at any byte
/// (ir/alignment.h). Throws Error: kNoSuchFile, kInvalidProtobuf (the bytes are no ONNX model), kInvalidGraph (the
/// model contradicts itself or ONNX), kFail (nobody registered an operator), kNotImplemented (an element type or form
/// that is not known here); messages name operator, node and file.
std::unique_ptr<Graph> read_onnx_file(const std::string& path, const ReadOptions& options = {});

/// Reads a model from memory, which stays alive as long as tensors of the graph do. `file_name` is for messages.
std::unique_ptr<Graph> read_onnx_bytes(std::shared_ptr<Memory> bytes, const ReadOptions& options = {},
                                       const std::string& file_name = "");

/// What a model's author wrote about it, without reading its graph. Throws Error as the readers do.
ModelInfo read_onnx_info(const std::shared_ptr<Memory>& bytes);
ModelInfo read_onnx_info_of_file(const std::string& path);

/// A dimension as a model declares it: a number, else a name, which may be empty.
struct DeclaredDim {
  std::int64_t value = -1;
  std::string name;
};

/// The shapes that a model declares for the tensors among its main graph's inputs and outputs, by name; those that it
/// declares none for are left out.
std::map<std::string, std::vector<DeclaredDim>> declared_shapes(const std::shared_ptr<Memory>& bytes);
std::map<std::string, std::vector<DeclaredDim>> declared_shapes_of_file(const std::string& path);

/// Where an initializer of the main graph has its external data: the location as the model spells it.
struct ExternalData {
  std::string name;
  std::string location;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};
std::vector<ExternalData> external_initializers(const std::shared_ptr<Memory>& bytes);
std::vector<ExternalData> external_initializers_of_file(const std::string& path);

}  // namespace oriel::onnx
