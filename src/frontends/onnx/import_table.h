// How operators of every opset version become Oriel's: rows of importers, one file a family of operators.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace oriel::onnx {

/// One ONNX node while it is imported. An importer emits Oriel nodes and names the values that stand for the outputs.
class ImportContext {
 public:
  ImportContext(Graph& graph, std::string node_name, std::string domain, std::string op_type, int version,
                Attributes attributes, std::vector<Value*> inputs, std::vector<std::string> outputs);

  Graph& graph() { return graph_; }
  const std::string& node_name() const { return node_name_; }
  const std::string& domain() const { return domain_; }
  const std::string& op_type() const { return op_type_; }
  /// The opset version that the model imports for the node's domain.
  int version() const { return version_; }
  /// As the file gives them, by ONNX names; numbers that mean element types are still ints.
  Attributes& attributes() { return attributes_; }
  /// Null where an optional operand is omitted.
  std::vector<Value*>& inputs() { return inputs_; }
  Value* input(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  std::size_t num_outputs() const { return outputs_.size(); }

  /// Moves an attribute, where present, to operand `position` as an i64 (ints, int) or f32 (floats, float) constant.
  /// `scalar` makes a rank-0 constant of an int or float, otherwise a vector.
  void attribute_to_input(std::string_view attribute, std::size_t position, bool scalar = false);
  /// A constant of the node.
  Value* constant(Tensor tensor) { return graph_.add_constant(std::move(tensor)); }
  /// Emits a node with the ONNX node's name and origin, with `num_outputs` outputs.
  Node* emit(std::string_view op, Attributes attributes, std::vector<Value*> inputs, std::size_t num_outputs = 1,
             std::string_view domain = "");
  /// emit() with one output.
  Value* call(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return emit(op, std::move(attributes), std::move(inputs))->output();
  }
  /// Emits `op` (the same operator where empty) with the attributes and inputs as they now are, and finishes with its
  /// outputs.
  void emit_as(std::string_view op = "", std::string_view domain = "");
  /// The values that stand for the ONNX outputs, in order; fewer than num_outputs() is an error.
  void finish(std::vector<Value*> values) { results_ = std::move(values); }
  const std::vector<Value*>& results() const { return results_; }
  const std::vector<std::string>& output_names() const { return outputs_; }

 private:
  Graph& graph_;
  std::string node_name_;
  std::string domain_;
  std::string op_type_;
  int version_;
  Attributes attributes_;
  std::vector<Value*> inputs_;
  std::vector<std::string> outputs_;
  std::vector<Value*> results_;
};

using ImportFunction = void (*)(ImportContext&);

/// Importers by domain ("" is ai.onnx), operator and range of opset versions.
class ImportTable {
 public:
  struct Row {
    std::string domain;
    std::string op_type;
    int first_version;
    int last_version;
    ImportFunction function;
  };
  static constexpr int kNewest = 1 << 20;

  void add(std::string_view op_type, int first_version, int last_version, ImportFunction function,
           std::string_view domain = "");
  /// Null where no row covers the version: then the operator passes as it is, if Oriel has it under the same name.
  ImportFunction find(std::string_view domain, std::string_view op_type, int version) const;
  const std::vector<Row>& rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
};

/// All rows, made on first use.
const ImportTable& import_table();

/// Operators (domain, name) that the reader turns into bodies, constants and nodes itself, in every version.
std::vector<std::pair<std::string_view, std::string_view>> structural_operators();

// One function a family, each in import_<family>.cpp.
void add_attention_rows(ImportTable& table);
void add_math_rows(ImportTable& table);
void add_tensor_rows(ImportTable& table);
void add_nn_rows(ImportTable& table);
void add_quant_rows(ImportTable& table);
void add_ml_rows(ImportTable& table);
void add_nchwc_rows(ImportTable& table);
void add_nhwc_rows(ImportTable& table);

}  // namespace oriel::onnx
