// Constants of a model file as tensors: in place where the bytes lie as a tensor needs them, converted otherwise.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "frontends/onnx/proto.h"
#include "ir/tensor.h"

namespace oriel::onnx {

/// Turns TensorProto and SparseTensorProto into tensors. Tensors share the memory of the model or of its external
/// files.
class TensorLoader {
 public:
  /// `model` holds the bytes that all messages point into. External data is looked up below `folder`; an empty folder
  /// refuses external data. Sparse tensors above `max_dense_bytes` are refused.
  TensorLoader(std::shared_ptr<Memory> model, std::string folder, std::size_t max_dense_bytes)
      : model_(std::move(model)), folder_(std::move(folder)), max_dense_bytes_(max_dense_bytes) {}

  /// External data at this location comes from memory instead of a file.
  void add_file(const std::string& location, std::shared_ptr<Memory> contents) {
    given_files_[location] = std::move(contents);
  }

  /// Throws Error(kInvalidGraph) naming the tensor where its parts contradict each other, kNotImplemented for element
  /// types that ONNX does not define.
  Tensor load(Bytes tensor_proto);
  Tensor load(const TensorProto& proto);
  /// The same for a constant of the graph: large f32 tensors stay where they lie, aligned or not (ir/alignment.h).
  Tensor load_constant(const TensorProto& proto);
  /// The dense form of a sparse tensor; its name is that of its values.
  Tensor load_sparse(Bytes sparse_tensor_proto);
  /// An offset or length of external data. Throws Error(kInvalidGraph).
  static std::size_t parse_size(const StringEntry& entry);

 private:
  Tensor load_named(const TensorProto& proto, bool anywhere);
  Tensor load_checked(const TensorProto& proto, bool anywhere);
  Tensor load_raw(ElementType type, const Dims& dims, const std::shared_ptr<Memory>& memory, std::size_t offset,
                  bool anywhere);
  Tensor load_external(const TensorProto& proto, ElementType type, const Dims& dims, bool anywhere);

  std::shared_ptr<Memory> model_;
  std::string folder_;
  std::size_t max_dense_bytes_;
  std::unordered_map<std::string, std::shared_ptr<Memory>> files_;
  std::unordered_map<std::string, std::shared_ptr<Memory>> given_files_;
};

}  // namespace oriel::onnx
