// ONNX messages assembled field by field, for tests.
#pragma once

#include <cstdint>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

namespace oriel::onnx::build {

using protozero::pbf_writer;

/// A message under construction.
template <typename F>
inline std::string message(F&& fill) {
  std::string bytes;
  pbf_writer writer(bytes);
  fill(writer);
  return bytes;
}

inline std::string dim(std::int64_t value) {
  return message([&](pbf_writer& w) { w.add_int64(1, value); });
}
inline std::string dim(const char* name) {
  return message([&](pbf_writer& w) { w.add_string(2, name); });
}

/// TypeProto of a tensor.
inline std::string tensor_type(int element, const std::vector<std::string>& dims) {
  return message([&](pbf_writer& w) {
    w.add_message(1, message([&](pbf_writer& t) {
                    t.add_int32(1, element);
                    t.add_message(2, message([&](pbf_writer& s) {
                                    for (const std::string& d : dims) s.add_message(1, d);
                                  }));
                  }));
  });
}

inline std::string value_info(const std::string& name, const std::string& type = "") {
  return message([&](pbf_writer& w) {
    w.add_string(1, name);
    if (!type.empty()) w.add_message(2, type);
  });
}

using Strings = std::vector<std::string>;

inline std::string node(const std::string& op, const Strings& inputs, const Strings& outputs,
                        const Strings& attributes = {}, const std::string& name = "", const std::string& domain = "") {
  return message([&](pbf_writer& w) {
    for (const auto& i : inputs) w.add_string(1, i);
    for (const auto& o : outputs) w.add_string(2, o);
    if (!name.empty()) w.add_string(3, name);
    w.add_string(4, op);
    for (const auto& a : attributes) w.add_message(5, a);
    if (!domain.empty()) w.add_string(7, domain);
  });
}

inline std::string attribute(const std::string& name, int type, int number, const std::string& content) {
  return message([&](pbf_writer& w) {
    w.add_string(1, name);
    w.add_message(static_cast<protozero::pbf_tag_type>(number), content);
    w.add_int32(20, type);
  });
}
inline std::string graph_attribute(const std::string& name, const std::string& graph) {
  return attribute(name, 5, 6, graph);
}
inline std::string tensor_attribute(const std::string& name, const std::string& tensor) {
  return attribute(name, 4, 5, tensor);
}
inline std::string int_attribute(const std::string& name, std::int64_t value) {
  return message([&](pbf_writer& w) {
    w.add_string(1, name);
    w.add_int64(3, value);
    w.add_int32(20, 2);
  });
}

struct GraphParts {
  Strings nodes = {};
  Strings initializers = {};
  Strings inputs = {};
  Strings outputs = {};
  Strings sparse = {};
};

inline std::string graph(const GraphParts& parts) {
  return message([&](pbf_writer& w) {
    for (const auto& n : parts.nodes) w.add_message(1, n);
    w.add_string(2, "g");
    for (const auto& t : parts.initializers) w.add_message(5, t);
    for (const auto& i : parts.inputs) w.add_message(11, i);
    for (const auto& o : parts.outputs) w.add_message(12, o);
    for (const auto& s : parts.sparse) w.add_message(15, s);
  });
}

inline std::string opset(const std::string& domain, std::int64_t version) {
  return message([&](pbf_writer& w) {
    w.add_string(1, domain);
    w.add_int64(2, version);
  });
}

inline std::string model(const std::string& graph_bytes, int ir_version = 8, const Strings& functions = {}) {
  return message([&](pbf_writer& w) {
    w.add_int64(1, ir_version);
    w.add_string(2, "test");
    w.add_message(7, graph_bytes);
    w.add_message(8, opset("", 17));
    if (!functions.empty()) w.add_message(8, opset("local", 1));
    w.add_message(14, message([&](pbf_writer& e) {
                    e.add_string(1, "author");
                    e.add_string(2, "somebody");
                  }));
    for (const auto& f : functions) w.add_message(25, f);
  });
}

/// TensorProto with the fields that `fill` adds after name, type and dims.
template <typename F>
inline std::string tensor(const std::string& name, int type, const std::vector<std::int64_t>& dims, F&& fill) {
  return message([&](pbf_writer& w) {
    w.add_packed_int64(1, dims.begin(), dims.end());
    w.add_int32(2, type);
    fill(w);
    w.add_string(8, name);
  });
}

template <typename T>
inline std::string raw_tensor(const std::string& name, int type, const std::vector<std::int64_t>& dims,
                              const std::vector<T>& values) {
  return tensor(name, type, dims, [&](pbf_writer& w) {
    w.add_bytes(9, reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  });
}

inline const std::string kF32x2x3 = tensor_type(1, {dim(2), dim(3)});

inline std::string branch(const std::string& op, const Strings& inputs) {
  return graph({.nodes = {node(op, inputs, {"r"})}, .outputs = {value_info("r")}});
}

inline std::string function(const std::string& name, const Strings& inputs, const Strings& outputs,
                            const Strings& nodes, const Strings& attributes = {}, const Strings& defaults = {}) {
  return message([&](pbf_writer& w) {
    w.add_string(1, name);
    for (const auto& i : inputs) w.add_string(4, i);
    for (const auto& o : outputs) w.add_string(5, o);
    for (const auto& a : attributes) w.add_string(6, a);
    for (const auto& n : nodes) w.add_message(7, n);
    w.add_message(9, opset("", 17));
    w.add_message(9, opset("local", 1));
    w.add_string(10, "local");
    for (const auto& a : defaults) w.add_message(11, a);
  });
}

/// A model with most kinds of messages in it.
inline std::string rich_model() {
  const std::string body =
      graph({.nodes = {node("Concat", {"s", "x"}, {"t"}, {int_attribute("axis", 0)}), node("Identity", {"k"}, {"k2"})},
             .initializers = {raw_tensor<float>("b", 1, {1}, {1})},
             .inputs = {value_info("i"), value_info("k"), value_info("s")},
             .outputs = {value_info("k2"), value_info("t")}});
  return model(
      graph({.nodes = {node("Loop", {"n", "", "x"}, {"y"}, {graph_attribute("body", body)}),
                       node("F", {"y"}, {"z"}, {}, "call", "local"),
                       node("Constant", {}, {"c"}, {tensor_attribute("value", raw_tensor<float>("", 1, {1}, {9}))})},
             .initializers = {raw_tensor<std::int64_t>("n", 7, {}, {3})},
             .inputs = {value_info("x", kF32x2x3)},
             .outputs = {value_info("z"), value_info("c")}}),
      8, {function("F", {"p"}, {"q"}, {node("Relu", {"p"}, {"q"})})});
}

}  // namespace oriel::onnx::build
