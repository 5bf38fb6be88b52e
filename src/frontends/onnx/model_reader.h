// The reader's state: graphs under construction, the names that are visible in them, functions being inlined.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "frontends/onnx/import_table.h"
#include "frontends/onnx/proto.h"
#include "frontends/onnx/reader.h"
#include "frontends/onnx/tensors.h"
#include "ir/graph.h"

namespace oriel::onnx {

using Opsets = std::map<std::string_view, int>;

/// A graph under construction, and what it captures of the graph around it.
struct Level {
  explicit Level(Graph& g) : graph(g) {}
  Graph& graph;
  /// Values of the graph around, in operand order.
  std::vector<const Value*> captured;
  /// For a value of the graph around, the one that stands for it here.
  std::unordered_map<const Value*, Value*> representatives;
};

/// A call of a model-local function while its nodes are inlined.
struct Frame {
  const FunctionProto* function = nullptr;
  std::unordered_map<std::string_view, const AttributeProto*> arguments;
};

/// Names of one graph or one function call. Bodies see the names around them; functions do not.
struct Scope {
  Level& level;
  const Opsets& opsets;
  Scope* around = nullptr;       // for the body of a control-flow node
  const Frame* frame = nullptr;  // inside a function
  std::string prefix = {};       // of node and value names
  int depth = 0;
  std::unordered_map<std::string_view, Value*> values = {};  // null for operands that a function's caller omitted
};

/// A node while it is read: its attributes resolved, its operands found (null where omitted).
struct Call {
  const NodeProto& node;
  const std::string& name;
  std::vector<AttributeProto> attributes;
  std::vector<Value*> inputs;
  Scope& scope;
};

/// Reads one model. What owns bodies is in bodies.cpp, the rest in reader.cpp.
class ModelReader {
 public:
  ModelReader(std::shared_ptr<Memory> bytes, const ReadOptions& options, const std::string& folder);
  std::unique_ptr<Graph> read(const std::string& file_name);
  static void read_info(const ModelProto& model, const std::string& file_name, ModelInfo& info);

 private:
  static Opsets read_opsets(const std::vector<OpsetId>& imports, std::int64_t ir_version);
  ValueType read_type(Bytes type_proto, Graph& graph, int depth);
  Shape read_shape(Bytes shape_proto, Graph& graph);
  void read_main(const GraphProto& proto, Scope& scope, bool overridable_initializers);
  void read_nodes(const std::vector<NodeProto>& nodes, Scope& scope);
  void read_node(const NodeProto& node, const std::string& name, Scope& scope);
  void call_function(const FunctionProto& function, const Call& call);
  std::vector<AttributeProto> resolve_attributes(const NodeProto& node, const Scope& scope) const;
  Attributes convert_attributes(const Call& call);
  Attribute convert_attribute(const AttributeProto& proto, Scope& scope);
  Tensor constant_value(const std::vector<AttributeProto>& attributes);
  /// What the caller gave for an initializer, or null. Throws Error(kInvalidArgument) where it is of another type or
  /// shape.
  const Tensor* replacement(const TensorProto& proto) const;
  void add_initializers(const GraphProto& proto, Scope& scope, const std::unordered_set<Bytes>& skip);

  /// What reads one operator that is neither a row of the import table nor a node of its own name.
  struct Structural {
    std::string_view domain;
    std::string_view op_type;
    void (ModelReader::*read)(Call&);
  };
  static std::span<const Structural> structural();
  friend std::vector<std::pair<std::string_view, std::string_view>> structural_operators();
  void read_constant(Call& call);
  void read_if(Call& call);
  void read_loop(Call& call);
  void read_scan(Call& call);
  void read_sequence_map(Call& call);
  void read_flex_attention(Call& call);
  void read_gradient(Call& call);
  Node* add_scan(Attributes attributes, Bytes body, std::vector<Value*> inputs, const std::string& name,
                 std::vector<std::string> outputs, Scope& scope);
  /// Puts the nodes of a graph with one input and one output here, between `input` and the value returned.
  Value* inline_graph(Bytes graph_proto, Value* input, const std::string& prefix, Scope& scope);
  /// A body whose first inputs have the given types, with what it captures. `captures` go first, in their order.
  struct Body {
    std::shared_ptr<Graph> graph;
    std::vector<const Value*> captured;
  };
  Body read_body(Bytes graph_proto, const std::vector<ValueType>& input_types,
                 const std::vector<const Value*>& captures, Scope& around);
  /// Reads a body again and again with wider types of inputs [first, first + count) until outputs [made, made + count)
  /// fit.
  Body read_stable_body(Bytes graph_proto, std::vector<ValueType> input_types, std::size_t first, std::size_t count,
                        std::size_t made, Scope& around);

  /// The value of that name, captured from around where need be; null where there is none.
  Value* find(std::string_view name, Scope& scope);
  /// Whether the name is a function's operand that the call omitted.
  static bool omitted(std::string_view name, const Scope& scope);
  Value* capture(const Value& outer, Level& level);
  void bind(std::string_view name, Value* value, Scope& scope);
  void bind_outputs(const Call& call, const std::vector<Value*>& values);
  /// Names of a node's outputs, at least `count` of them.
  static std::vector<std::string> output_names(const Call& call, std::size_t count = 0);
  /// The block of the layout that com.microsoft.nchwc means: what the shapes of the model tell, else what ONNX Runtime
  /// takes on this machine.
  int nchwc_block();
  ImportFunction importer(const NodeProto& node, int version);
  static int version_of(Bytes domain, const Scope& scope);

  std::shared_ptr<Memory> bytes_;
  const ReadOptions& options_;
  const OpRegistry& registry_;
  TensorLoader tensors_;
  ModelProto model_;
  std::map<std::string, const FunctionProto*> functions_;
  std::unordered_map<const FunctionProto*, Opsets> function_opsets_;
  std::unordered_map<std::string, ImportFunction> importers_;
  std::size_t nodes_read_ = 0;
  int nchwc_block_ = 0;
};

inline std::string to_text(Bytes bytes) { return std::string(bytes); }

inline std::vector<std::string> to_texts(const std::vector<Bytes>& items) { return {items.begin(), items.end()}; }

}  // namespace oriel::onnx
