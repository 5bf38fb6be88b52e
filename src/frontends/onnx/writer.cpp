// Writing a model: names made unique over all bodies, captures by name, constants once.
#include "frontends/onnx/writer.h"

#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <protozero/pbf_writer.hpp>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "frontends/onnx/data_types.h"
#include "frontends/onnx/proto.h"

namespace oriel::onnx {
namespace {

using protozero::pbf_writer;

constexpr std::size_t kExternalAlignment = 64;

/// The version that a domain is imported with.
int written_version(const std::string& domain) {
  if (domain.empty()) return kWrittenOpset;
  return domain == "ai.onnx.ml" ? 5 : 1;
}

/// Where large tensors go: their bytes in one file, and where each begins.
struct ExternalFile {
  std::string path;
  std::string location;
  std::size_t threshold = 0;
  std::ofstream stream;
  std::size_t size = 0;

  /// The offset of the bytes in the file.
  std::size_t append(const void* data, std::size_t bytes) {
    const std::size_t padding = (kExternalAlignment - size % kExternalAlignment) % kExternalAlignment;
    static constexpr char kZeros[kExternalAlignment] = {};
    stream.write(kZeros, static_cast<std::streamsize>(padding));
    stream.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
    size += padding + bytes;
    return size - bytes;
  }
};

void write_type(pbf_writer& out, const ValueType& type) {
  switch (type.kind) {
    case ValueType::Kind::kNone:
      return;
    case ValueType::Kind::kTensor: {
      pbf_writer tensor(out, 1);
      tensor.add_int32(1, element_to_onnx(type.element));
      if (!type.shape.is_ranked()) return;
      // Built apart: a nested writer drops messages without fields, which scalars and unknown dimensions are.
      std::string shape;
      pbf_writer dims(shape);
      for (const Dim& d : type.shape.dims()) {
        std::string dim;
        if (d.is_known()) {
          pbf_writer(dim).add_int64(1, d.value());
        } else if (d.symbol() >= 0 && d.table()->symbol(d.symbol()).kind == SymbolTable::Kind::kNamed) {
          pbf_writer(dim).add_string(2, d.table()->symbol(d.symbol()).name);
        }
        dims.add_message(1, dim);
      }
      tensor.add_message(2, shape);
      return;
    }
    case ValueType::Kind::kSequence:
    case ValueType::Kind::kOptional: {
      pbf_writer outer(out, type.kind == ValueType::Kind::kSequence ? 4 : 9);
      pbf_writer inner(outer, 1);
      write_type(inner, *type.inner);
      return;
    }
    case ValueType::Kind::kMap: {
      pbf_writer map(out, 5);
      map.add_int32(1, element_to_onnx(type.element));
      pbf_writer inner(map, 2);
      write_type(inner, *type.inner);
      return;
    }
  }
}

void write_value_info(pbf_writer& out, const std::string& name, const ValueType& type) {
  out.add_string(1, name);
  pbf_writer inner(out, 2);
  write_type(inner, type);
}

void write_entry(pbf_writer& out, protozero::pbf_tag_type tag, const std::string& key, const std::string& value) {
  pbf_writer entry(out, tag);
  entry.add_string(1, key);
  entry.add_string(2, value);
}

void write_location(pbf_writer& out, const FilePart& part) {
  write_entry(out, 13, "location", part.path);
  write_entry(out, 13, "offset", std::to_string(part.offset));
  write_entry(out, 13, "length", std::to_string(part.bytes));
  out.add_int32(14, 1);
}

/// `part`: where the bytes lie already, or null.
void write_tensor(pbf_writer& out, const Tensor& tensor, const std::string& name, ExternalFile* external,
                  const FilePart* part = nullptr) {
  out.add_packed_int64(1, tensor.dims().begin(), tensor.dims().end());
  out.add_int32(2, element_to_onnx(tensor.type()));
  if (tensor.type() == ElementType::kString) {
    const auto* strings = tensor.data<std::string>();
    for (std::int64_t i = 0; i < tensor.size(); ++i) out.add_bytes(6, strings[i]);
  }
  if (!name.empty()) out.add_string(8, name);
  if (tensor.type() == ElementType::kString) return;
  if (part != nullptr) {
    write_location(out, *part);
  } else if (external != nullptr && tensor.bytes() >= external->threshold) {
    write_location(out, {external->location, external->append(tensor.raw(), tensor.bytes()), tensor.bytes()});
  } else {
    out.add_bytes(9, static_cast<const char*>(tensor.bytes() == 0 ? "" : tensor.raw()), tensor.bytes());
  }
}

/// Which tensor a constant is: two with the same key hold the same bytes.
using TensorKey = std::tuple<const Memory*, std::size_t, ElementType, std::vector<std::int64_t>>;

TensorKey key_of(const Tensor& t) { return {t.memory().get(), t.byte_offset(), t.type(), t.dims().vector()}; }

class ModelWriter {
 public:
  ModelWriter(const WriteOptions& options, ExternalFile* external) : options_(options), external_(external) {}
  std::string write(const Graph& graph);

 private:
  using Names = std::unordered_map<const Value*, std::string>;
  using Constants = std::map<TensorKey, std::string>;

  void write_constant(pbf_writer& out, const Tensor& tensor, const std::string& name);
  void write_main(pbf_writer& out, const Graph& graph);
  void write_body(pbf_writer& out, const Graph& body, std::size_t explicit_inputs, const Node& node,
                  std::size_t first_capture, const Names& around, const Constants& constants);
  void write_contents(pbf_writer& out, const Graph& graph, Names& names, Constants& constants);
  void write_node(pbf_writer& out, const Node& node, const Names& names, const Constants& constants);
  void write_attribute(pbf_writer& out, const std::string& name, const Attribute& value, const Node& node,
                       const Names& names, const Constants& constants);
  void write_identity(pbf_writer& out, const std::string& from, const std::string& to);
  std::string unique(const std::string& name);

  const WriteOptions& options_;
  ExternalFile* external_;
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, std::size_t> suffixes_;
  std::set<std::string> domains_{""};
};

std::string ModelWriter::unique(const std::string& name) {
  if (!name.empty() && taken_.insert(name).second) return name;
  std::size_t& suffix = suffixes_[name];
  for (;;) {
    std::string candidate = formatted("{}_{}", name.empty() ? "value" : name, ++suffix);
    if (taken_.insert(candidate).second) return candidate;
  }
}

std::size_t constant_bytes(const Graph& graph, std::size_t kept_below) {
  std::size_t total = 0;
  for (int id = 0; id < graph.value_limit(); ++id) {
    const Value* v = graph.value(id);
    if (v == nullptr || !v->is_constant() || v->element() == ElementType::kString) continue;
    if (v->constant()->bytes() < kept_below) total += v->constant()->bytes();
  }
  return total;
}

std::string ModelWriter::write(const Graph& graph) {
  const std::size_t kept = external_ == nullptr ? std::numeric_limits<std::size_t>::max() : external_->threshold;
  const std::size_t inside = options_.locate ? 0 : constant_bytes(graph, kept);
  ORIEL_REQUIRE(inside < std::size_t{2'000'000'000}, "a model of {} bytes needs external data: protobuf ends at 2 GiB",
                inside);
  std::string bytes;
  bytes.reserve(inside + inside / 64 + 4096);
  pbf_writer out(bytes);
  const ModelInfo& info = graph.info();
  out.add_int64(1, kWrittenIrVersion);
  out.add_string(2, info.producer_name.empty() ? "oriel" : info.producer_name);
  if (!info.producer_version.empty()) out.add_string(3, info.producer_version);
  if (!info.domain.empty()) out.add_string(4, info.domain);
  if (info.version != 0 && info.version != ModelProto::kNoVersion) out.add_int64(5, info.version);
  if (!info.description.empty()) out.add_string(6, info.description);
  {
    pbf_writer g(out, 7);
    write_main(g, graph);
  }
  for (const std::string& domain : domains_) {
    pbf_writer opset(out, 8);
    opset.add_string(1, domain);
    opset.add_int64(2, written_version(domain));
  }
  for (const auto& [key, value] : info.metadata) write_entry(out, 14, key, value);
  return bytes;
}

void ModelWriter::write_constant(pbf_writer& out, const Tensor& tensor, const std::string& name) {
  std::optional<FilePart> part;
  if (options_.locate && tensor.type() != ElementType::kString) part = options_.locate(name, tensor);
  write_tensor(out, tensor, name, options_.locate ? nullptr : external_, part ? &*part : nullptr);
}

void ModelWriter::write_main(pbf_writer& out, const Graph& graph) {
  Names names;
  Constants constants;
  for (const Value* v : graph.inputs()) {
    names[v] = v->name();
    taken_.insert(v->name());
  }
  // An output's name is its value's, unless that is an input or has been named by another output.
  std::vector<std::pair<const Value*, std::string>> copies;
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    const Value* v = graph.outputs()[i];
    const std::string& name = graph.output_names()[i];
    const auto it = names.find(v);
    if (it == names.end()) {
      names[v] = name;
    } else if (it->second != name) {
      copies.emplace_back(v, name);
    }
    taken_.insert(name);
  }
  write_contents(out, graph, names, constants);
  for (const auto& [v, name] : copies) write_identity(out, names.at(v), name);
  out.add_string(2, graph.info().graph_name.empty() ? "graph" : graph.info().graph_name);
  if (!graph.info().graph_description.empty()) out.add_string(10, graph.info().graph_description);
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    const Value* v = graph.inputs()[i];
    {
      pbf_writer input(out, 11);
      write_value_info(input, v->name(), v->type());
    }
    if (const Tensor* initial = graph.input_default(i); initial != nullptr) {
      pbf_writer tensor(out, 5);
      write_constant(tensor, *initial, v->name());
    }
  }
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    pbf_writer output(out, 12);
    write_value_info(output, graph.output_names()[i], graph.outputs()[i]->type());
  }
}

void ModelWriter::write_contents(pbf_writer& out, const Graph& graph, Names& names, Constants& constants) {
  std::unordered_set<const Value*> used(graph.outputs().begin(), graph.outputs().end());
  for (const Node* n : graph.nodes()) used.insert(n->inputs().begin(), n->inputs().end());
  for (int id = 0; id < graph.value_limit(); ++id) {
    const Value* v = graph.value(id);
    if (v == nullptr || !v->is_constant() || used.count(v) == 0) continue;
    const auto named = names.find(v);
    const bool fixed = named != names.end();
    const TensorKey key = key_of(*v->constant());
    if (const auto it = constants.find(key); it != constants.end() && !fixed) {
      names[v] = it->second;
      continue;
    }
    const std::string name = fixed ? named->second : unique(v->name());
    names[v] = name;
    if (v->constant()->memory() != nullptr) constants[key] = name;
    pbf_writer tensor(out, 5);
    write_constant(tensor, *v->constant(), name);
  }
  for (const Node* n : graph.nodes()) {
    for (const Value* v : n->outputs()) {
      if (names.count(v) == 0) names[v] = unique(v->name());
    }
  }
  for (const Node* n : graph.nodes()) {
    pbf_writer node(out, 1);
    write_node(node, *n, names, constants);
  }
}

void ModelWriter::write_identity(pbf_writer& out, const std::string& from, const std::string& to) {
  pbf_writer node(out, 1);
  node.add_string(1, from);
  node.add_string(2, to);
  node.add_string(4, "Identity");
}

/// Operands that are no captures.
std::size_t explicit_operands(const Node& node) {
  if (!node.op().traits.control_flow || !node.op().domain.empty()) return node.num_inputs();
  if (node.op().name == "If") return 1;
  const std::size_t own = node.op().name == "Loop"
                              ? static_cast<std::size_t>(node.attributes().get_int("carried")) + 2
                              : static_cast<std::size_t>(node.attributes().get_int("num_states") +
                                                         node.attributes().get_int("num_scan_inputs"));
  return std::min(own, node.num_inputs());
}

void ModelWriter::write_node(pbf_writer& out, const Node& node, const Names& names, const Constants& constants) {
  domains_.insert(node.op().domain);
  const std::size_t operands = explicit_operands(node);
  for (std::size_t i = 0; i < operands; ++i)
    out.add_string(1, node.input(i) == nullptr ? std::string() : names.at(node.input(i)));
  for (const Value* v : node.outputs()) out.add_string(2, names.at(v));
  out.add_string(3, node.name());
  out.add_string(4, node.op().name);
  if (!node.op().domain.empty()) out.add_string(7, node.op().domain);
  for (const auto& [name, value] : node.attributes().items()) {
    if (node.op().traits.control_flow && (name == "carried" || name == "num_states")) continue;
    pbf_writer attribute(out, 5);
    write_attribute(attribute, name, value, node, names, constants);
  }
}

void ModelWriter::write_attribute(pbf_writer& out, const std::string& name, const Attribute& value, const Node& node,
                                  const Names& names, const Constants& constants) {
  out.add_string(1, name);
  const auto body = [&](protozero::pbf_tag_type tag, const Graph& graph) {
    pbf_writer inner(out, tag);
    const std::size_t operands = explicit_operands(node);
    const std::size_t captured = node.num_inputs() - operands;
    if (graph.inputs().size() < captured)
      fail(ErrorCode::kInvalidGraph, "{}", node.describe("a body has fewer inputs than captures"));
    write_body(inner, graph, graph.inputs().size() - captured, node, operands, names, constants);
  };
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        int type = 0;
        if constexpr (std::is_same_v<T, std::int64_t>) {
          out.add_int64(3, v);
          type = 2;
        } else if constexpr (std::is_same_v<T, float>) {
          out.add_float(2, v);
          type = 1;
        } else if constexpr (std::is_same_v<T, std::string>) {
          out.add_bytes(4, v);
          type = 3;
        } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
          out.add_packed_int64(8, v.begin(), v.end());
          type = 7;
        } else if constexpr (std::is_same_v<T, std::vector<float>>) {
          out.add_packed_float(7, v.begin(), v.end());
          type = 6;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          for (const std::string& s : v) out.add_bytes(9, s);
          type = 8;
        } else if constexpr (std::is_same_v<T, Tensor>) {
          pbf_writer tensor(out, 5);
          write_tensor(tensor, v, "", nullptr);
          type = 4;
        } else if constexpr (std::is_same_v<T, std::vector<Tensor>>) {
          for (const Tensor& t : v) {
            pbf_writer tensor(out, 10);
            write_tensor(tensor, t, "", nullptr);
          }
          type = 9;
        } else if constexpr (std::is_same_v<T, ElementType>) {
          out.add_int64(3, element_to_onnx(v));
          type = 2;
        } else if constexpr (std::is_same_v<T, ValueType>) {
          pbf_writer inner(out, 14);
          write_type(inner, v);
          type = 13;
        } else if constexpr (std::is_same_v<T, std::shared_ptr<Graph>>) {
          body(6, *v);
          type = 5;
        } else {
          for (const std::shared_ptr<Graph>& g : v) body(11, *g);
          type = 10;
        }
        out.add_int32(20, type);
      },
      value);
}

void ModelWriter::write_body(pbf_writer& out, const Graph& body, std::size_t explicit_inputs, const Node& node,
                             std::size_t first_capture, const Names& around, const Constants& constants) {
  Names names;
  Constants known = constants;
  for (std::size_t i = 0; i < body.inputs().size(); ++i) {
    const Value* v = body.inputs()[i];
    names[v] = i < explicit_inputs ? unique(v->name()) : around.at(node.input(first_capture + i - explicit_inputs));
  }
  write_contents(out, body, names, known);
  std::vector<std::string> outputs;
  std::unordered_set<const Value*> listed;
  for (std::size_t i = 0; i < body.outputs().size(); ++i) {
    const Value* v = body.outputs()[i];
    if (v->producer() != nullptr && listed.insert(v).second) {
      outputs.push_back(names.at(v));
    } else {
      outputs.push_back(unique(body.output_names()[i]));
      write_identity(out, names.at(v), outputs.back());
    }
  }
  out.add_string(2, "body");
  for (std::size_t i = 0; i < explicit_inputs; ++i) {
    pbf_writer input(out, 11);
    write_value_info(input, names.at(body.inputs()[i]), body.inputs()[i]->type());
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    pbf_writer output(out, 12);
    write_value_info(output, outputs[i], body.outputs()[i]->type());
  }
}

/// Puts a finished file in the place of the old one, which may still be mapped.
void move_into_place(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return;
  std::remove(from.c_str());
  fail(ErrorCode::kFail, "cannot write {}", to);
}

void write_bytes(const std::string& path, const std::string& bytes) {
  const std::string draft = path + ".part";
  std::ofstream stream(draft, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) fail(ErrorCode::kFail, "cannot write {}", path);
  move_into_place(draft, path);
}

}  // namespace

std::string write_onnx(const Graph& graph, const WriteOptions& options) {
  return ModelWriter(options, nullptr).write(graph);
}

void write_onnx_file(const Graph& graph, const std::string& path, const WriteOptions& options) {
  if (options.external_threshold == 0 || options.locate) return write_bytes(path, write_onnx(graph, options));
  const std::size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  ExternalFile external;
  external.location = options.external_file.empty() ? path.substr(folder.size()) + ".data" : options.external_file;
  external.path = folder + external.location;
  external.threshold = options.external_threshold;
  const std::string draft = external.path + ".part";
  external.stream.open(draft, std::ios::binary | std::ios::trunc);
  const std::string bytes = ModelWriter(options, &external).write(graph);
  external.stream.close();
  if (!external.stream) fail(ErrorCode::kFail, "cannot write {}", external.path);
  move_into_place(draft, external.path);
  write_bytes(path, bytes);
}

}  // namespace oriel::onnx
