// Small ONNX models for tests, written in the wire format of onnx.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace oriel_test {

/// A dimension: "3" is a number, "N" a symbol, "" unknown.
using Dims = std::vector<std::string>;

inline std::string tensor_type(int element, const Dims& dims) {
  std::string shape, tensor, type;
  protozero::pbf_writer shape_writer(shape);
  for (const std::string& dim : dims) {
    std::string text;
    protozero::pbf_writer writer(text);
    if (!dim.empty() && dim.find_first_not_of("0123456789") == std::string::npos) {
      writer.add_int64(1, std::stoll(dim));
    } else if (!dim.empty()) {
      writer.add_string(2, dim);
    }
    shape_writer.add_message(1, text);
  }
  protozero::pbf_writer tensor_writer(tensor);
  tensor_writer.add_int32(1, element);
  tensor_writer.add_message(2, shape);
  protozero::pbf_writer(type).add_message(1, tensor);
  return type;
}

/// TypeProto around another: field 4 is a sequence, 9 an optional.
inline std::string wrapped_type(int field, const std::string& inner) {
  std::string middle, type;
  protozero::pbf_writer(middle).add_message(1, inner);
  protozero::pbf_writer(type).add_message(static_cast<protozero::pbf_tag_type>(field), middle);
  return type;
}

inline std::string map_type(int key, const std::string& value) {
  std::string map, type;
  protozero::pbf_writer writer(map);
  writer.add_int32(1, key);
  writer.add_message(2, value);
  protozero::pbf_writer(type).add_message(5, map);
  return type;
}

inline std::string int_attribute(const std::string& name, std::int64_t value) {
  std::string text;
  protozero::pbf_writer writer(text);
  writer.add_string(1, name);
  writer.add_int64(3, value);
  writer.add_int32(20, 2);
  return text;
}

inline std::string ints_attribute(const std::string& name, const std::vector<std::int64_t>& values) {
  std::string text;
  protozero::pbf_writer writer(text);
  writer.add_string(1, name);
  for (const std::int64_t value : values) writer.add_int64(8, value);
  writer.add_int32(20, 7);
  return text;
}

inline std::string strings_attribute(const std::string& name, const std::vector<std::string>& values) {
  std::string text;
  protozero::pbf_writer writer(text);
  writer.add_string(1, name);
  for (const std::string& value : values) writer.add_string(9, value);
  writer.add_int32(20, 8);
  return text;
}

inline std::string graph_attribute(const std::string& name, const std::string& graph) {
  std::string text;
  protozero::pbf_writer writer(text);
  writer.add_string(1, name);
  writer.add_message(6, graph);
  writer.add_int32(20, 5);
  return text;
}

/// A GraphProto in the making.
class GraphWriter {
 public:
  GraphWriter& input(const std::string& name, const std::string& type) { return value_info(11, name, type); }
  GraphWriter& output(const std::string& name, const std::string& type) { return value_info(12, name, type); }

  GraphWriter& node(const std::string& op, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs, const std::vector<std::string>& attributes = {},
                    const std::string& domain = {}) {
    std::string text;
    protozero::pbf_writer writer(text);
    for (const std::string& name : inputs) writer.add_string(1, name);
    for (const std::string& name : outputs) writer.add_string(2, name);
    writer.add_string(3, "the_" + op);
    writer.add_string(4, op);
    for (const std::string& attribute : attributes) writer.add_message(5, attribute);
    if (!domain.empty()) writer.add_string(7, domain);
    protozero::pbf_writer(text_).add_message(1, text);
    return *this;
  }

  template <typename T>
  GraphWriter& initializer(const std::string& name, int element, const std::vector<std::int64_t>& dims,
                           const std::vector<T>& values) {
    std::string text;
    protozero::pbf_writer writer(text);
    for (const std::int64_t dim : dims) writer.add_int64(1, dim);
    writer.add_int32(2, element);
    writer.add_string(8, name);
    writer.add_bytes(9, reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    protozero::pbf_writer(text_).add_message(5, text);
    return *this;
  }

  /// An initializer whose elements lie in a file beside the model.
  GraphWriter& external(const std::string& name, int element, const std::vector<std::int64_t>& dims,
                        const std::string& file) {
    std::string text, place;
    protozero::pbf_writer place_writer(place);
    place_writer.add_string(1, "location");
    place_writer.add_string(2, file);
    protozero::pbf_writer writer(text);
    for (const std::int64_t dim : dims) writer.add_int64(1, dim);
    writer.add_int32(2, element);
    writer.add_string(8, name);
    writer.add_message(13, place);
    writer.add_int32(14, 1);
    protozero::pbf_writer(text_).add_message(5, text);
    return *this;
  }

  std::string graph(const std::string& name = "graph") const {
    std::string text = text_;
    protozero::pbf_writer(text).add_string(2, name);
    return text;
  }

  /// The ModelProto around it.
  std::string model(int opset = 21) const {
    std::string text;
    protozero::pbf_writer writer(text);
    writer.add_int64(1, 10);
    writer.add_string(2, "the tests");
    writer.add_string(4, "org.example");
    writer.add_int64(5, 7);
    writer.add_string(6, "made by hand");
    writer.add_message(7, graph());
    for (const auto& [domain, version] :
         {std::pair<const char*, int>("", opset), std::pair<const char*, int>("ai.onnx.ml", 3)}) {
      std::string import;
      protozero::pbf_writer import_writer(import);
      import_writer.add_string(1, domain);
      import_writer.add_int64(2, version);
      writer.add_message(8, import);
    }
    std::string entry;
    protozero::pbf_writer entry_writer(entry);
    entry_writer.add_string(1, "colour");
    entry_writer.add_string(2, "green");
    writer.add_message(14, entry);
    return text;
  }

 private:
  GraphWriter& value_info(protozero::pbf_tag_type field, const std::string& name, const std::string& type) {
    std::string text;
    protozero::pbf_writer writer(text);
    writer.add_string(1, name);
    writer.add_message(2, type);
    protozero::pbf_writer(text_).add_message(field, text);
    return *this;
  }

  std::string text_;
};

inline std::span<const std::byte> as_model(const std::string& text) {
  return std::as_bytes(std::span<const char>(text));
}

}  // namespace oriel_test
