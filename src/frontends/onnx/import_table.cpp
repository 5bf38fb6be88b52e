// The table of importers and what every importer uses.
#include "frontends/onnx/import_table.h"

#include <algorithm>

namespace oriel::onnx {

ImportContext::ImportContext(Graph& graph, std::string node_name, std::string domain, std::string op_type, int version,
                             Attributes attributes, std::vector<Value*> inputs, std::vector<std::string> outputs)
    : graph_(graph),
      node_name_(std::move(node_name)),
      domain_(std::move(domain)),
      op_type_(std::move(op_type)),
      version_(version),
      attributes_(std::move(attributes)),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)) {}

void ImportContext::attribute_to_input(std::string_view attribute, std::size_t position, bool scalar) {
  const Attribute* a = attributes_.find(attribute);
  if (a == nullptr) return;
  Tensor tensor;
  if (const auto* ints = std::get_if<std::vector<std::int64_t>>(a)) {
    tensor = Tensor::of_i64(*ints);
  } else if (const auto* number = std::get_if<std::int64_t>(a)) {
    tensor = scalar ? Tensor::scalar(*number) : Tensor::of_i64({*number});
  } else if (const auto* floats = std::get_if<std::vector<float>>(a)) {
    tensor = Tensor::of<float>(*floats, {static_cast<std::int64_t>(floats->size())});
  } else if (const auto* real = std::get_if<float>(a)) {
    tensor = scalar ? Tensor::scalar(*real) : Tensor::of<float>({*real}, {1});
  } else {
    fail(ErrorCode::kInvalidGraph, "attribute {} is of type {}, expected numbers", attribute, attribute_kind_name(*a));
  }
  if (inputs_.size() <= position) inputs_.resize(position + 1, nullptr);
  inputs_[position] = constant(std::move(tensor));
  attributes_.erase(attribute);
}

Node* ImportContext::emit(std::string_view op, Attributes attributes, std::vector<Value*> inputs,
                          std::size_t num_outputs, std::string_view domain) {
  return graph_.add(domain, op, std::move(attributes), std::move(inputs), std::vector<std::string>(num_outputs),
                    node_name_);
}

void ImportContext::emit_as(std::string_view op, std::string_view domain) {
  const std::vector<std::string> names = outputs_.empty() ? std::vector<std::string>{""} : outputs_;
  const Node* node = graph_.add(op.empty() ? std::string_view(domain_) : domain,
                                op.empty() ? std::string_view(op_type_) : op, attributes_, inputs_, names, node_name_);
  finish(node->outputs());
}

void ImportTable::add(std::string_view op_type, int first_version, int last_version, ImportFunction function,
                      std::string_view domain) {
  rows_.push_back({std::string(domain), std::string(op_type), first_version, last_version, function});
}

ImportFunction ImportTable::find(std::string_view domain, std::string_view op_type, int version) const {
  for (const Row& row : rows_) {
    if (row.op_type == op_type && row.domain == domain && row.first_version <= version && version <= row.last_version)
      return row.function;
  }
  return nullptr;
}

const ImportTable& import_table() {
  static const ImportTable* const table = [] {
    auto* t = new ImportTable;
    add_math_rows(*t);
    add_tensor_rows(*t);
    add_nn_rows(*t);
    add_quant_rows(*t);
    add_attention_rows(*t);
    add_ml_rows(*t);
    add_nchwc_rows(*t);
    add_nhwc_rows(*t);
    return t;
  }();
  return *table;
}

}  // namespace oriel::onnx
