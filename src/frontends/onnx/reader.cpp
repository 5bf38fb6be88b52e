// Reading a model: inputs and initializers, nodes in topological order, bodies with their captures, functions inlined.
#include "frontends/onnx/reader.h"

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <stdexcept>

#include "base/cpu_features.h"
#include "base/mapped_file.h"
#include "frontends/onnx/data_types.h"
#include "frontends/onnx/gradient.h"
#include "frontends/onnx/model_reader.h"
#include "ops/registry.h"

namespace oriel::onnx {
namespace {

constexpr int kMaxIrVersion = 14;
constexpr std::string_view kNchwcDomain = "com.microsoft.nchwc";
/// What a domain without import counts as, and the standard's newest version known here.
constexpr int kNewestOpset = 28;

/// Whether a symbolic name says nothing: converters write these for dimensions that have nothing to do with each other.
bool anonymous(std::string_view name) {
  return name.empty() || name == "?" || name == "None" || name == "none" || name == "-1" || name == "unknown" ||
         name == "Unknown";
}

std::string describe_node(const NodeProto& node, const std::string& name, const std::string& fact) {
  return formatted("{}{}{}: {} (node \"{}\")", node.domain, node.domain.empty() ? "" : ".", node.op_type, fact, name);
}

/// The name of a TensorProto, without decoding its elements.
Bytes name_of_tensor(Bytes tensor_proto) {
  Bytes name;
  for (WireReader r(tensor_proto); r.next();) {
    if (r.key() == bytes_field(8)) name = r.bytes();
  }
  return name;
}

/// The names that a graph reads from around it.
void free_names(const GraphProto& graph, int depth, std::vector<Bytes>& into) {
  if (depth <= 0) fail(ErrorCode::kInvalidGraph, "bodies lie too deep inside each other");
  std::unordered_set<Bytes> own;
  for (const ValueInfoProto& i : graph.inputs) own.insert(i.name);
  for (const Bytes t : graph.initializers) own.insert(name_of_tensor(t));
  for (const Bytes t : graph.sparse_initializers) own.insert(name_of_tensor(SparseTensorProto::parse(t).values));
  for (const NodeProto& n : graph.nodes) own.insert(n.outputs.begin(), n.outputs.end());
  const auto use = [&](Bytes name) {
    if (!name.empty() && own.count(name) == 0) into.push_back(name);
  };
  for (const NodeProto& n : graph.nodes) {
    for (const Bytes name : n.inputs) use(name);
    for (const AttributeProto& a : n.attributes) {
      std::vector<Bytes> nested;
      if (a.type == AttributeProto::kGraph) free_names(GraphProto::parse(a.message), depth - 1, nested);
      if (a.type == AttributeProto::kGraphs) {
        for (const Bytes g : a.items) free_names(GraphProto::parse(g), depth - 1, nested);
      }
      for (const Bytes name : nested) use(name);
    }
  }
  for (const ValueInfoProto& o : graph.outputs) use(o.name);
}

constexpr std::string_view kGradientDomain = "ai.onnx.preview.training";
constexpr std::string_view kGradient = "Gradient";

bool is_gradient(const NodeProto& node) { return node.domain == kGradientDomain && node.op_type == kGradient; }

/// The operands of a node, what its bodies read from around them, and the values that a Gradient names.
std::vector<Bytes> reads_of(const NodeProto& node, int depth) {
  std::vector<Bytes> names = node.inputs;
  for (const AttributeProto& a : node.attributes) {
    if (a.type == AttributeProto::kGraph) free_names(GraphProto::parse(a.message), depth, names);
    if (a.type == AttributeProto::kGraphs) {
      for (const Bytes g : a.items) free_names(GraphProto::parse(g), depth, names);
    }
    if (is_gradient(node)) {
      if (a.type == AttributeProto::kString) names.push_back(a.s);
      if (a.type == AttributeProto::kStrings) names.insert(names.end(), a.items.begin(), a.items.end());
    }
  }
  return names;
}

/// The name of node `i` of a graph.
std::string node_name(const NodeProto& node, std::size_t i) {
  return node.name.empty() ? formatted("{}_{}", node.op_type, i) : to_text(node.name);
}

/// Indices of the nodes in an order in which each comes after those it reads from; the given order where that is one.
/// Names that `scope` knows already are nobody's. Of constants with one name the last counts, as in ONNX Runtime.
std::vector<std::size_t> topological_order(const std::vector<NodeProto>& nodes, const Scope& scope) {
  std::unordered_map<Bytes, std::size_t> constants;
  std::vector<bool> replaced(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].op_type != "Constant" || !nodes[i].domain.empty() || nodes[i].outputs.size() != 1) continue;
    const auto [before, first] = constants.emplace(nodes[i].outputs[0], i);
    if (!first) replaced[std::exchange(before->second, i)] = true;
  }
  std::unordered_map<Bytes, std::size_t> producer;
  producer.reserve(nodes.size() * 2);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (replaced[i]) continue;
    for (const Bytes name : nodes[i].outputs) {
      if (!name.empty() && scope.values.count(name) == 0) producer.emplace(name, i);
    }
  }
  std::vector<std::vector<std::size_t>> before(nodes.size());
  bool sorted = true;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const Bytes name : reads_of(nodes[i], scope.depth)) {
      const auto it = producer.find(name);
      if (it == producer.end()) continue;
      before[i].push_back(it->second);
      if (it->second >= i) sorted = false;
    }
  }
  std::vector<std::size_t> order;
  order.reserve(nodes.size());
  if (sorted) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!replaced[i]) order.push_back(i);
    }
    return order;
  }
  enum : char { kNew, kOpen, kDone };
  std::vector<char> state(nodes.size(), kNew);
  for (std::size_t root = 0; root < nodes.size(); ++root) {
    if (state[root] != kNew || replaced[root]) continue;
    std::vector<std::pair<std::size_t, std::size_t>> path{{root, 0}};
    state[root] = kOpen;
    while (!path.empty()) {
      auto& [node, next] = path.back();
      if (next == before[node].size()) {
        state[node] = kDone;
        order.push_back(node);
        path.pop_back();
        continue;
      }
      const std::size_t to = before[node][next++];
      if (state[to] == kOpen) {
        const NodeProto& n = nodes[to];
        const std::string value = n.outputs.empty() ? std::string() : to_text(n.outputs.front());
        throw Error(ErrorCode::kInvalidGraph,
                    describe_node(n, scope.prefix + node_name(n, to),
                                  formatted("is part of a cycle through the value \"{}\"", value)));
      }
      if (state[to] == kNew) {
        state[to] = kOpen;
        path.emplace_back(to, 0);
      }
    }
  }
  return order;
}

std::string function_key(Bytes domain, Bytes name, Bytes overload) {
  return formatted("{}\n{}\n{}", domain, name, overload);
}

ModelProto parse_model(const Memory& bytes) {
  ModelProto model = ModelProto::parse(Bytes(static_cast<const char*>(bytes.map()), bytes.size()));
  if (!model.has_graph) fail(ErrorCode::kInvalidArgument, "No graph was found in the protobuf.");
  return model;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::shared_ptr<Memory> map_file(const std::string& path) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  return borrow_host(const_cast<std::byte*>(file->data()), file->size(), std::const_pointer_cast<MappedFile>(file));
}

}  // namespace

ModelReader::ModelReader(std::shared_ptr<Memory> bytes, const ReadOptions& options, const std::string& folder)
    : bytes_(std::move(bytes)),
      options_(options),
      registry_(options.registry == nullptr ? builtin_ops() : *options.registry),
      tensors_(bytes_, folder, options.max_dense_bytes) {
  for (const auto& [location, contents] : options.external_files) tensors_.add_file(location, contents);
}

std::unique_ptr<Graph> ModelReader::read(const std::string& file_name) {
  model_ = parse_model(*bytes_);
  if (model_.ir_version > kMaxIrVersion || model_.ir_version < 1) {
    fail(model_.ir_version < 1 ? ErrorCode::kInvalidProtobuf : ErrorCode::kFail,
         "IR version {} is not supported (1 to {} are)", model_.ir_version, kMaxIrVersion);
  }
  const Opsets opsets = read_opsets(model_.opsets, model_.ir_version);
  for (const FunctionProto& f : model_.functions) {
    if (!functions_.emplace(function_key(f.domain, f.name, f.overload), &f).second) {
      fail(ErrorCode::kInvalidGraph, "function {}.{} is defined twice", f.domain, f.name);
    }
    Opsets own = opsets;
    for (const OpsetId& o : f.opsets)
      own[o.domain] = static_cast<int>(std::clamp<std::int64_t>(o.version, 0, ImportTable::kNewest));
    function_opsets_.emplace(&f, std::move(own));
  }
  auto graph = std::make_unique<Graph>(registry_);
  const GraphProto proto = GraphProto::parse(model_.graph);
  read_info(model_, file_name, graph->info());
  graph->info().graph_name = to_text(proto.name);
  graph->info().graph_description = to_text(proto.doc);
  Level level(*graph);
  Scope scope{.level = level, .opsets = opsets, .depth = options_.max_depth};
  read_main(proto, scope, model_.ir_version >= 4);
  return graph;
}

void ModelReader::read_info(const ModelProto& model, const std::string& file_name, ModelInfo& info) {
  info.file = file_name;
  info.producer_name = to_text(model.producer_name);
  info.producer_version = to_text(model.producer_version);
  info.domain = to_text(model.domain);
  info.description = to_text(model.doc);
  info.version = model.model_version;
  for (const StringEntry& e : model.metadata) info.metadata.emplace_back(to_text(e.key), to_text(e.value));
}

Opsets ModelReader::read_opsets(const std::vector<OpsetId>& imports, std::int64_t ir_version) {
  Opsets opsets;
  for (const OpsetId& o : imports) {
    if (o.version < 0) fail(ErrorCode::kInvalidGraph, "opset version {} of domain \"{}\"", o.version, o.domain);
    opsets[o.domain] = static_cast<int>(std::min<std::int64_t>(o.version, ImportTable::kNewest));
  }
  if (opsets.empty()) {
    if (ir_version >= 3) fail(ErrorCode::kInvalidGraph, "the model imports no operator set");
    opsets[""] = 1;
  }
  return opsets;
}

int ModelReader::version_of(Bytes domain, const Scope& scope) {
  const auto it = scope.opsets.find(domain);
  return it != scope.opsets.end() ? it->second : domain.empty() ? kNewestOpset : 1;
}

Shape ModelReader::read_shape(Bytes shape_proto, Graph& graph) {
  Shape shape;
  for (WireReader r(shape_proto); r.next();) {
    if (r.key() != bytes_field(1)) continue;
    std::optional<std::int64_t> value;
    Bytes param;
    Bytes denotation;
    for (WireReader d(r.bytes()); d.next();) {
      switch (d.key()) {
        case varint_field(1):
          value = d.integer();
          break;
        case bytes_field(2):
          param = d.bytes();
          break;
        case bytes_field(3):
          denotation = d.bytes();
          break;
        default:
          break;
      }
    }
    const auto lookup = [&](const std::vector<std::pair<std::string, std::int64_t>>& table, Bytes name) {
      for (const auto& [key, fixed] : table) {
        if (!value && !name.empty() && key == name && fixed >= 0) value = fixed;
      }
    };
    lookup(options_.dim_params, param);
    lookup(options_.dim_denotations, denotation);
    if (value && *value >= 0) {
      shape.dims().emplace_back(*value);
    } else if (!value && !anonymous(param)) {
      SymbolTable& symbols = *graph.symbols();
      shape.dims().push_back(Dim::of_symbol(symbols, symbols.named(param)));
    } else {
      shape.dims().push_back(Dim::unknown());
    }
    if (shape.rank() > 256) fail(ErrorCode::kInvalidGraph, "a shape has more than 256 dimensions");
  }
  return shape;
}

ValueType ModelReader::read_type(Bytes type_proto, Graph& graph, int depth) {
  if (depth <= 0) fail(ErrorCode::kInvalidGraph, "types lie too deep inside each other");
  const auto element = [](std::int64_t number) {
    const std::optional<ElementType> e = element_from_onnx(number);
    if (!e) fail(ErrorCode::kNotImplemented, "element type number {} is unknown", number);
    return *e;
  };
  // A name inside a sequence, optional or map stands for no single extent: items differ, and no value binds it.
  const auto read_inner = [&](Bytes proto) {
    ValueType type = read_type(proto, graph, depth - 1);
    for (Dim& d : type.shape.dims()) d = d.is_known() ? d : Dim::unknown();
    return type;
  };
  for (WireReader r(type_proto); r.next();) {
    Bytes inner;
    std::int64_t number = 0;
    bool has_shape = false;
    Shape shape;
    const std::uint64_t kind = r.key();
    switch (kind) {
      case bytes_field(1):
        for (WireReader t(r.bytes()); t.next();) {
          if (t.key() == varint_field(1)) number = t.integer();
          if (t.key() == bytes_field(2)) {
            shape = read_shape(t.bytes(), graph);
            has_shape = true;
          }
        }
        return ValueType(element(number), has_shape ? std::move(shape) : Shape::unranked());
      case bytes_field(4):
      case bytes_field(9):
        for (WireReader t(r.bytes()); t.next();) {
          if (t.key() == bytes_field(1)) inner = t.bytes();
        }
        return kind == bytes_field(4) ? ValueType::sequence(read_inner(inner)) : ValueType::optional(read_inner(inner));
      case bytes_field(5):
        for (WireReader t(r.bytes()); t.next();) {
          if (t.key() == varint_field(1)) number = t.integer();
          if (t.key() == bytes_field(2)) inner = t.bytes();
        }
        return ValueType::map(element(number), read_inner(inner));
      case bytes_field(7):
        fail(ErrorCode::kNotImplemented, "opaque types are not supported");
      case bytes_field(8):
        fail(ErrorCode::kNotImplemented, "sparse tensor types are not supported");
      default:
        break;
    }
  }
  fail(ErrorCode::kInvalidGraph, "a type is empty");
}

void ModelReader::bind(std::string_view name, Value* value, Scope& scope) {
  if (name.empty()) return;
  if (!scope.values.emplace(name, value).second)
    fail(ErrorCode::kInvalidGraph, "the name \"{}\" is given to two values", name);
}

void ModelReader::add_initializers(const GraphProto& proto, Scope& scope, const std::unordered_set<Bytes>& skip) {
  Graph& graph = scope.level.graph;
  for (const Bytes bytes : proto.initializers) {
    const TensorProto t = TensorProto::parse(bytes);
    if (skip.count(t.name) == 0)
      bind(t.name, graph.add_constant(tensors_.load_constant(t), scope.prefix + to_text(t.name)), scope);
  }
  for (const Bytes bytes : proto.sparse_initializers) {
    const Bytes name = name_of_tensor(SparseTensorProto::parse(bytes).values);
    if (skip.count(name) == 0)
      bind(name, graph.add_constant(tensors_.load_sparse(bytes), scope.prefix + to_text(name)), scope);
  }
}

const Tensor* ModelReader::replacement(const TensorProto& proto) const {
  for (const auto& [name, tensor] : options_.initializers) {
    if (name != proto.name) continue;
    const Dims dims(proto.dims.begin(), proto.dims.end());
    const ElementType type = element_from_onnx(proto.data_type).value_or(ElementType::kUndefined);
    if (tensor.type() != type || tensor.dims() != dims) {
      fail(ErrorCode::kInvalidArgument, "the value given for initializer \"{}\" is {}, the model has {}{}", name,
           tensor.description(), element_name(type), to_string(dims));
    }
    return &tensor;
  }
  return nullptr;
}

void ModelReader::read_main(const GraphProto& proto, Scope& scope, bool overridable_initializers) {
  Graph& graph = scope.level.graph;
  struct Initial {
    Bytes bytes;
    bool sparse;
  };
  std::unordered_map<Bytes, Initial> initializers;
  for (const Bytes bytes : proto.initializers) initializers.emplace(name_of_tensor(bytes), Initial{bytes, false});
  for (const Bytes bytes : proto.sparse_initializers) {
    initializers.emplace(name_of_tensor(SparseTensorProto::parse(bytes).values), Initial{bytes, true});
  }
  std::unordered_set<Bytes> overridable;
  for (const ValueInfoProto& input : proto.inputs) {
    const auto initial = initializers.find(input.name);
    if (initial != initializers.end() && !overridable_initializers) continue;
    const std::string name = to_text(input.name);
    if (name.empty()) fail(ErrorCode::kInvalidGraph, "an input has no name");
    try {
      ValueType type = input.type.empty() ? ValueType() : read_type(input.type, graph, options_.max_depth);
      for (const auto& [key, shape] : options_.input_shapes) {
        if (key == name && type.is_tensor()) type.shape = shape;
      }
      if (initial != initializers.end()) {
        const Initial& from = initial->second;
        const Tensor* given = from.sparse ? nullptr : replacement(TensorProto::parse(from.bytes));
        Tensor tensor = given != nullptr ? *given
                        : from.sparse    ? tensors_.load_sparse(from.bytes)
                                         : tensors_.load(from.bytes);
        if (type.kind == ValueType::Kind::kNone) type = ValueType(tensor.type(), Shape(tensor.dims()));
        if (!type.is_tensor() || type.element != tensor.type()) {
          fail(ErrorCode::kInvalidGraph, "is {}, its initializer {}", type.to_string(), tensor.description());
        }
        if (!type.shape.is_ranked()) type.shape = Shape(tensor.dims());
        overridable.insert(input.name);
        bind(input.name, graph.add_input(name, std::move(type), std::move(tensor)), scope);
      } else {
        if (type.kind == ValueType::Kind::kNone || (type.is_tensor() && type.element == ElementType::kUndefined)) {
          fail(ErrorCode::kInvalidGraph, "has no type");
        }
        bind(input.name, graph.add_input(name, std::move(type)), scope);
      }
    } catch (const Error& error) {
      throw Error(error.code(), formatted("input \"{}\": {}", name, error.what()));
    }
  }
  if (!options_.initializers.empty()) {
    for (const Bytes bytes : proto.initializers) {
      const TensorProto t = TensorProto::parse(bytes);
      const Tensor* given = overridable.count(t.name) == 0 ? replacement(t) : nullptr;
      if (given == nullptr) continue;
      bind(t.name, graph.add_constant(*given, to_text(t.name)), scope);
      overridable.insert(t.name);
    }
  }
  add_initializers(proto, scope, overridable);
  read_nodes(proto.nodes, scope);
  std::unordered_set<Bytes> seen;
  for (const ValueInfoProto& output : proto.outputs) {
    Value* value = find(output.name, scope);
    if (value == nullptr) fail(ErrorCode::kInvalidGraph, "output \"{}\" is never made", output.name);
    if (!seen.insert(output.name).second) fail(ErrorCode::kInvalidGraph, "output \"{}\" is listed twice", output.name);
    graph.add_output(value, to_text(output.name));
  }
}

Value* ModelReader::capture(const Value& outer, Level& level) {
  Value*& inner = level.representatives[&outer];
  if (inner != nullptr) return inner;
  if (const Tensor* constant = outer.constant(); constant != nullptr) {
    inner = level.graph.add_constant(*constant, outer.name());
  } else {
    inner = level.graph.add_capture(outer);
    level.captured.push_back(&outer);
  }
  return inner;
}

Value* ModelReader::find(std::string_view name, Scope& scope) {
  const auto it = scope.values.find(name);
  if (it != scope.values.end()) return it->second;
  if (scope.around == nullptr) return nullptr;
  Value* outer = find(name, *scope.around);
  if (outer == nullptr) return nullptr;
  Value* inner = &scope.around->level == &scope.level ? outer : capture(*outer, scope.level);
  scope.values.emplace(name, inner);
  return inner;
}

bool ModelReader::omitted(std::string_view name, const Scope& scope) {
  const auto it = scope.values.find(name);
  if (it != scope.values.end()) return it->second == nullptr;
  return scope.around != nullptr && omitted(name, *scope.around);
}

void ModelReader::read_nodes(const std::vector<NodeProto>& nodes, Scope& scope) {
  if (scope.depth <= 0)
    fail(ErrorCode::kInvalidGraph, "bodies and functions lie more than {} deep inside each other", options_.max_depth);
  for (const std::size_t i : topological_order(nodes, scope)) {
    const NodeProto& node = nodes[i];
    const std::string name = scope.prefix + node_name(node, i);
    if (++nodes_read_ > options_.max_nodes)
      fail(ErrorCode::kInvalidGraph, "the model has more than {} nodes", options_.max_nodes);
    try {
      read_node(node, name, scope);
    } catch (const Error& error) {
      const std::string_view text = error.what();
      if (text.find(" (node \"") != std::string_view::npos) throw;
      throw Error(error.code() == ErrorCode::kInvalidArgument ? ErrorCode::kInvalidGraph : error.code(),
                  describe_node(node, name, std::string(text)));
    }
  }
}

std::vector<std::string> ModelReader::output_names(const Call& call, std::size_t count) {
  std::vector<std::string> names;
  for (const Bytes o : call.node.outputs) names.push_back(o.empty() ? std::string() : call.scope.prefix + to_text(o));
  while (names.size() > 1 && names.back().empty()) names.pop_back();
  names.resize(std::max(names.size(), count));
  return names;
}

void ModelReader::bind_outputs(const Call& call, const std::vector<Value*>& values) {
  const std::vector<Bytes>& outputs = call.node.outputs;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].empty()) continue;
    if (i >= values.size() || values[i] == nullptr) fail(ErrorCode::kInvalidGraph, "output {} does not exist", i);
    bind(outputs[i], values[i], call.scope);
  }
}

ImportFunction ModelReader::importer(const NodeProto& node, int version) {
  const std::string key = formatted("{}\n{}\n{}", node.domain, node.op_type, version);
  const auto [it, added] = importers_.emplace(key, nullptr);
  if (added) it->second = import_table().find(node.domain, node.op_type, version);
  return it->second;
}

std::span<const ModelReader::Structural> ModelReader::structural() {
  static constexpr std::array kStructural = {
      Structural{"", "Constant", &ModelReader::read_constant},
      Structural{"", "If", &ModelReader::read_if},
      Structural{"", "Loop", &ModelReader::read_loop},
      Structural{"", "Scan", &ModelReader::read_scan},
      Structural{"", "SequenceMap", &ModelReader::read_sequence_map},
      Structural{"ai.onnx.preview", "FlexAttention", &ModelReader::read_flex_attention},
      Structural{kGradientDomain, kGradient, &ModelReader::read_gradient},
  };
  return kStructural;
}

std::vector<std::pair<std::string_view, std::string_view>> structural_operators() {
  std::vector<std::pair<std::string_view, std::string_view>> names;
  for (const ModelReader::Structural& s : ModelReader::structural()) names.emplace_back(s.domain, s.op_type);
  return names;
}

void ModelReader::read_constant(Call& call) {
  const std::vector<Bytes>& outputs = call.node.outputs;
  if (outputs.size() != 1) fail(ErrorCode::kInvalidGraph, "{} outputs, expected 1", outputs.size());
  Tensor value = constant_value(call.attributes);
  bind(outputs[0], call.scope.level.graph.add_constant(std::move(value), call.scope.prefix + to_text(outputs[0])),
       call.scope);
}

int ModelReader::nchwc_block() {
  if (nchwc_block_ != 0) return nchwc_block_;
  nchwc_block_ = hardware_isa() >= Isa::kAvx512 ? 16 : 8;
  const GraphProto graph = GraphProto::parse(model_.graph);
  std::unordered_map<Bytes, std::int64_t> filters;
  for (const Bytes bytes : graph.initializers) {
    const TensorProto t = TensorProto::parse(bytes);
    if (t.dims.size() == 4) filters.emplace(t.name, t.dims[0]);
  }
  std::unordered_map<Bytes, std::int64_t> padded;
  for (const NodeProto& n : graph.nodes) {
    if (n.domain != kNchwcDomain) continue;
    if (n.op_type == "Conv" && n.inputs.size() > 1 && filters.count(n.inputs[1]) != 0 && !n.outputs.empty()) {
      const std::int64_t channels = filters[n.inputs[1]];
      padded[n.outputs[0]] = channels;
      if (channels % 16 != 0) return nchwc_block_ = 8;
    }
    if (n.op_type != "ReorderOutput" || n.inputs.empty() || padded.count(n.inputs[0]) == 0) continue;
    // More than seven zeros behind the last channel fill no block of 8.
    for (const AttributeProto& a : n.attributes) {
      if (a.name == "channels" && padded[n.inputs[0]] - a.i >= 8) return nchwc_block_ = 16;
    }
  }
  return nchwc_block_;
}

void ModelReader::read_node(const NodeProto& node, const std::string& name, Scope& scope) {
  Graph& graph = scope.level.graph;
  std::vector<Value*> inputs;
  inputs.reserve(node.inputs.size());
  for (const Bytes input : node.inputs) {
    inputs.push_back(input.empty() ? nullptr : find(input, scope));
    if (inputs.back() == nullptr && !input.empty() && !omitted(input, scope))
      fail(ErrorCode::kInvalidGraph, "reads \"{}\", which nothing makes", input);
  }
  Call call{node, name, resolve_attributes(node, scope), std::move(inputs), scope};
  if (const auto function = functions_.find(function_key(node.domain, node.op_type, node.overload));
      function != functions_.end()) {
    return call_function(*function->second, call);
  }
  for (const Structural& s : structural()) {
    if (node.op_type == s.op_type && node.domain == s.domain) return (this->*s.read)(call);
  }
  const int version = version_of(node.domain, scope);
  Attributes attributes = convert_attributes(call);
  if (const ImportFunction import = importer(node, version); import != nullptr) {
    ImportContext context(graph, name, to_text(node.domain), to_text(node.op_type), version, std::move(attributes),
                          std::move(call.inputs), output_names(call));
    if (node.domain == kNchwcDomain) context.attributes().set("block", std::int64_t{nchwc_block()});
    import(context);
    return bind_outputs(call, context.results());
  }
  if (registry_.find(node.domain, node.op_type) == nullptr) {
    // Domains of the standard are known whole; what another domain means is somebody else's to say.
    const bool standard = node.domain.empty() || node.domain == "ai.onnx.ml";
    if (standard)
      fail(ErrorCode::kInvalidGraph, "No Op registered for {} with domain_version of {}", node.op_type, version);
    if (scope.opsets.count(node.domain) == 0 && node.domain != "com.microsoft") {
      fail(ErrorCode::kInvalidGraph, "No opset import for domain '{}'", node.domain);
    }
    fail(ErrorCode::kFail, "{}:{} is not a registered function/op", node.domain, node.op_type);
  }
  bind_outputs(
      call,
      graph.add(node.domain, node.op_type, std::move(attributes), std::move(call.inputs), output_names(call), name)
          ->outputs());
}

void ModelReader::read_gradient(Call& call) {
  const auto named = [&](Bytes name) {
    Value* value = find(name, call.scope);
    if (value == nullptr) fail(ErrorCode::kInvalidGraph, "names \"{}\", which nothing makes", name);
    return value;
  };
  Value* y = nullptr;
  std::vector<Value*> xs;
  std::vector<Value*> zs;
  for (const AttributeProto& a : call.attributes) {
    if (a.name == "y" && a.type == AttributeProto::kString) {
      y = named(a.s);
    } else if ((a.name == "xs" || a.name == "zs") && a.type == AttributeProto::kStrings) {
      for (const Bytes name : a.items) (a.name == "xs" ? xs : zs).push_back(named(name));
    } else {
      fail(ErrorCode::kInvalidGraph, "unrecognized attribute {}", a.name);
    }
  }
  if (y == nullptr || xs.empty())
    fail(ErrorCode::kInvalidGraph, "required attribute {} is missing", y == nullptr ? "y" : "xs");
  if (call.inputs.size() != xs.size() + zs.size()) {
    fail(ErrorCode::kInvalidGraph, "{} inputs, expected {}: one for each name in xs and zs", call.inputs.size(),
         xs.size() + zs.size());
  }
  bind_outputs(call, add_gradient(call.scope.level.graph, call.name, y, xs, zs, call.inputs));
}

std::vector<AttributeProto> ModelReader::resolve_attributes(const NodeProto& node, const Scope& scope) const {
  std::vector<AttributeProto> resolved;
  resolved.reserve(node.attributes.size());
  for (const AttributeProto& a : node.attributes) {
    if (std::any_of(resolved.begin(), resolved.end(), [&](const AttributeProto& r) { return r.name == a.name; })) {
      fail(ErrorCode::kInvalidGraph, "attribute {} is given twice", a.name);
    }
    if (a.reference.empty()) {
      resolved.push_back(a);
      continue;
    }
    if (scope.frame == nullptr)
      fail(ErrorCode::kInvalidGraph, "attribute {} refers to a function's attribute outside of a function", a.name);
    const auto it = scope.frame->arguments.find(a.reference);
    if (it == scope.frame->arguments.end()) continue;
    resolved.push_back(*it->second);
    resolved.back().name = a.name;
  }
  return resolved;
}

void ModelReader::call_function(const FunctionProto& function, const Call& call) {
  const std::vector<Value*>& inputs = call.inputs;
  if (inputs.size() > function.inputs.size()) {
    fail(ErrorCode::kInvalidGraph, "{} inputs, the function takes {}", inputs.size(), function.inputs.size());
  }
  if (call.node.outputs.size() > function.outputs.size()) {
    fail(ErrorCode::kInvalidGraph, "{} outputs, the function gives {}", call.node.outputs.size(),
         function.outputs.size());
  }
  Frame frame;
  frame.function = &function;
  for (const AttributeProto& a : function.defaults) frame.arguments[a.name] = &a;
  for (const AttributeProto& a : call.attributes) frame.arguments[a.name] = &a;
  Scope inner{.level = call.scope.level,
              .opsets = function_opsets_.at(&function),
              .frame = &frame,
              .prefix = call.name + "/",
              .depth = call.scope.depth - 1};
  for (std::size_t i = 0; i < function.inputs.size(); ++i) {
    Value* value = i < inputs.size() ? inputs[i] : nullptr;
    if (inner.values.count(function.inputs[i]) != 0)
      fail(ErrorCode::kInvalidGraph, "the function names an input twice");
    inner.values.emplace(function.inputs[i], value);
  }
  read_nodes(function.nodes, inner);
  std::vector<Value*> results;
  for (const Bytes output : function.outputs) results.push_back(find(output, inner));
  bind_outputs(call, results);
}

Attributes ModelReader::convert_attributes(const Call& call) {
  Attributes attributes;
  const OpDef* op = registry_.find(call.node.domain, call.node.op_type);
  for (const AttributeProto& proto : call.attributes) {
    Attribute value = convert_attribute(proto, call.scope);
    if (const auto* number = std::get_if<std::int64_t>(&value); number != nullptr && op != nullptr) {
      for (const AttributeDef& def : op->attributes) {
        if (def.name != proto.name || !std::holds_alternative<ElementType>(def.prototype)) continue;
        const std::optional<ElementType> element = element_from_onnx(*number);
        if (!element)
          fail(ErrorCode::kInvalidGraph, "attribute {} is the unknown element type number {}", proto.name, *number);
        value = *element;
        break;
      }
    }
    attributes.set(proto.name, std::move(value));
  }
  return attributes;
}

Attribute ModelReader::convert_attribute(const AttributeProto& a, Scope& scope) {
  switch (a.type) {
    case AttributeProto::kFloat:
      return a.f;
    case AttributeProto::kInt:
      return a.i;
    case AttributeProto::kString:
      return to_text(a.s);
    case AttributeProto::kTensor:
      return tensors_.load(a.message);
    case AttributeProto::kFloats:
      return a.floats;
    case AttributeProto::kInts:
      return a.ints;
    case AttributeProto::kStrings:
      return to_texts(a.items);
    case AttributeProto::kSparseTensor:
      return tensors_.load_sparse(a.message);
    case AttributeProto::kTypeProto:
      return read_type(a.message, scope.level.graph, options_.max_depth);
    case AttributeProto::kTensors:
    case AttributeProto::kSparseTensors: {
      std::vector<Tensor> list;
      for (const Bytes item : a.items) {
        list.push_back(a.type == AttributeProto::kTensors ? tensors_.load(item) : tensors_.load_sparse(item));
      }
      return list;
    }
    case AttributeProto::kGraph:
    case AttributeProto::kGraphs:
      fail(ErrorCode::kNotImplemented, "attribute {} is a graph, which this operator cannot take here", a.name);
    default:
      fail(ErrorCode::kInvalidGraph, "attribute {} has the unsupported type number {}", a.name, a.type);
  }
}

Tensor ModelReader::constant_value(const std::vector<AttributeProto>& attributes) {
  const AttributeProto* only = nullptr;
  for (const AttributeProto& a : attributes) {
    if (only != nullptr) fail(ErrorCode::kInvalidGraph, "more than one value is given");
    only = &a;
  }
  if (only == nullptr) fail(ErrorCode::kInvalidGraph, "no value is given");
  const AttributeProto& a = *only;
  const auto vector_dims = [](std::size_t size) { return Dims{static_cast<std::int64_t>(size)}; };
  if (a.name == "value" && a.type == AttributeProto::kTensor) return tensors_.load(a.message);
  if (a.name == "sparse_value" && a.type == AttributeProto::kSparseTensor) return tensors_.load_sparse(a.message);
  if (a.name == "value_float" && a.type == AttributeProto::kFloat) return Tensor::scalar(a.f);
  if (a.name == "value_floats" && a.type == AttributeProto::kFloats)
    return Tensor::of<float>(a.floats, vector_dims(a.floats.size()));
  if (a.name == "value_int" && a.type == AttributeProto::kInt) return Tensor::scalar(a.i);
  if (a.name == "value_ints" && a.type == AttributeProto::kInts) return Tensor::of_i64(a.ints);
  if (a.name == "value_string" && a.type == AttributeProto::kString) return Tensor::scalar(to_text(a.s));
  if (a.name == "value_strings" && a.type == AttributeProto::kStrings) {
    return Tensor::of<std::string>(to_texts(a.items), vector_dims(a.items.size()));
  }
  fail(ErrorCode::kInvalidGraph, "the value {} is of no kind that exists", a.name);
}

namespace {

std::unique_ptr<Graph> read_in_folder(std::shared_ptr<Memory> bytes, const ReadOptions& options,
                                      const std::string& folder, const std::string& file_name) {
  const auto place = [&](const Error& error) { return file_name.empty() ? error : error.at(file_name); };
  try {
    return ModelReader(std::move(bytes), options, folder).read(file_name);
  } catch (const Error& error) {
    throw place(error);
  } catch (const std::bad_alloc&) {
    throw place(Error(ErrorCode::kOutOfMemory, "not enough memory to read the model"));
  } catch (const std::length_error&) {
    throw place(Error(ErrorCode::kOutOfMemory, "not enough memory to read the model"));
  }
}

}  // namespace

std::unique_ptr<Graph> read_onnx_file(const std::string& path, const ReadOptions& options) {
  std::shared_ptr<Memory> memory = map_file(path);
  return read_in_folder(std::move(memory), options, folder_of(path), path);
}

std::unique_ptr<Graph> read_onnx_bytes(std::shared_ptr<Memory> bytes, const ReadOptions& options,
                                       const std::string& file_name) {
  return read_in_folder(std::move(bytes), options, options.external_data_folder, file_name);
}

ModelInfo read_onnx_info(const std::shared_ptr<Memory>& bytes) {
  ModelInfo info;
  ModelReader::read_info(parse_model(*bytes), "", info);
  return info;
}

ModelInfo read_onnx_info_of_file(const std::string& path) { return read_onnx_info(map_file(path)); }

std::vector<ExternalData> external_initializers(const std::shared_ptr<Memory>& bytes) {
  std::vector<ExternalData> list;
  for (const Bytes tensor : GraphProto::parse(parse_model(*bytes).graph).initializers) {
    const TensorProto proto = TensorProto::parse(tensor);
    if (!proto.external) continue;
    ExternalData data;
    data.name = to_text(proto.name);
    for (const StringEntry& e : proto.external_data) {
      if (e.key == "location") data.location = to_text(e.value);
      if (e.key == "offset") data.offset = TensorLoader::parse_size(e);
      if (e.key == "length") data.bytes = TensorLoader::parse_size(e);
    }
    list.push_back(std::move(data));
  }
  return list;
}

std::map<std::string, std::vector<DeclaredDim>> declared_shapes(const std::shared_ptr<Memory>& bytes) {
  std::map<std::string, std::vector<DeclaredDim>> shapes;
  for (WireReader graph(parse_model(*bytes).graph); graph.next();) {
    if (graph.key() != bytes_field(11) && graph.key() != bytes_field(12)) continue;
    const ValueInfoProto value = ValueInfoProto::parse(graph.bytes());
    Bytes type = value.type;
    // What an optional holds counts as its own shape.
    for (WireReader r(type); r.next();) {
      if (r.key() != bytes_field(9)) continue;
      for (WireReader inner(r.bytes()); inner.next();) {
        if (inner.key() == bytes_field(1)) type = inner.bytes();
      }
    }
    for (WireReader r(type); r.next();) {
      if (r.key() != bytes_field(1)) continue;
      for (WireReader tensor(r.bytes()); tensor.next();) {
        if (tensor.key() != bytes_field(2)) continue;
        std::vector<DeclaredDim>& dims = shapes[to_text(value.name)];
        dims.clear();
        for (WireReader shape(tensor.bytes()); shape.next();) {
          if (shape.key() != bytes_field(1)) continue;
          DeclaredDim& dim = dims.emplace_back();
          for (WireReader d(shape.bytes()); d.next();) {
            if (d.key() == varint_field(1)) dim.value = d.integer();
            if (d.key() == bytes_field(2)) dim.name = to_text(d.bytes());
          }
        }
      }
    }
  }
  return shapes;
}

std::map<std::string, std::vector<DeclaredDim>> declared_shapes_of_file(const std::string& path) {
  return declared_shapes(map_file(path));
}

std::vector<ExternalData> external_initializers_of_file(const std::string& path) {
  return external_initializers(map_file(path));
}

}  // namespace oriel::onnx
