// Tensors in files: NumPy's .npy and .npz, ONNX's TensorProto, plain bytes; and arrays written as JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/tensor.h"
#include "ir/value_type.h"

namespace oriel::shell {

/// A whole file. Throws Error(kNoSuchFile) naming it.
std::string read_file(const std::string& path);
/// Throws Error(kFail) naming the file that cannot be written.
void write_file(const std::string& path, std::string_view bytes);

bool is_npy(std::string_view bytes);
bool is_npz(std::string_view bytes);

/// Each throws Error(kInvalidArgument) naming `file` and what is wrong with it.
Tensor parse_npy(std::string_view bytes, const std::string& file);
/// The arrays of an archive by name, stored or deflated.
std::vector<std::pair<std::string, Tensor>> parse_npz(std::string_view bytes, const std::string& file);
Tensor parse_tensor_proto(const std::string& bytes, const std::string& file);
/// Bytes of a tensor of this type as they lie in memory; a single unknown dimension follows from their count.
Tensor parse_raw(std::string_view bytes, const ValueType& type, const std::string& file);
/// A JSON array (or single value) as a tensor of an element type; nesting gives the dimensions.
Tensor parse_json(const std::string& text, ElementType element);

/// Throws Error(kInvalidArgument) for element types that NumPy does not have.
std::string write_npy(const Tensor& tensor);

}  // namespace oriel::shell
