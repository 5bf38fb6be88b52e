// The graph: typed values, nodes that make them, and the only ways to build and change it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/dim.h"
#include "ir/attributes.h"
#include "ir/op_def.h"
#include "ir/tensor.h"
#include "ir/value_type.h"

namespace oriel {

class Graph;
class Node;

/// A value of a graph: an input, a constant, or an output of a node.
class Value {
 public:
  const std::string& name() const { return name_; }
  const ValueType& type() const { return type_; }
  ElementType element() const { return type_.element; }
  const Shape& shape() const { return type_.shape; }
  /// The node that makes it; null for inputs and constants.
  Node* producer() const { return producer_; }
  int output_index() const { return output_index_; }
  bool is_constant() const { return constant_.has_value(); }
  /// Null where it is no constant.
  const Tensor* constant() const { return constant_ ? &*constant_ : nullptr; }
  /// Elements of a small integer tensor, known or symbolic; null where unknown. Constants have it too.
  const std::vector<Dim>* content() const { return content_ ? &*content_ : nullptr; }
  /// Nodes that read it, once for each use.
  const std::vector<Node*>& users() const { return users_; }
  /// Dense number inside the graph; never reused.
  int id() const { return id_; }

 private:
  friend class Graph;
  friend class Node;
  friend class InferContext;
  friend class Patch;
  std::string name_;
  ValueType type_;
  Node* producer_ = nullptr;
  int output_index_ = 0;
  std::optional<Tensor> constant_;
  std::optional<std::vector<Dim>> content_;
  std::vector<Node*> users_;
  int id_ = 0;
};

/// A call of an operator.
class Node {
 public:
  const OpDef& op() const { return *op_; }
  const std::string& name() const { return name_; }
  /// The original nodes that this one comes from.
  const std::vector<std::string>& origins() const { return origins_; }
  const Attributes& attributes() const { return attributes_; }
  std::size_t num_inputs() const { return inputs_.size(); }
  std::size_t num_outputs() const { return outputs_.size(); }
  /// Null where an optional operand is omitted, and for any index past the last operand.
  Value* input(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  /// Never null.
  Value* output(std::size_t i = 0) const { return outputs_[i]; }
  const std::vector<Value*>& inputs() const { return inputs_; }
  const std::vector<Value*>& outputs() const { return outputs_; }
  Graph& graph() const { return *graph_; }
  int id() const { return id_; }
  /// `Softmax` and ` (node "probs")` around a fact.
  std::string describe(const std::string& fact) const;

 private:
  friend class Graph;
  friend class InferContext;
  friend class Patch;
  const OpDef* op_ = nullptr;
  std::string name_;
  std::vector<std::string> origins_;
  Attributes attributes_;
  std::vector<Value*> inputs_;
  std::vector<Value*> outputs_;
  Graph* graph_ = nullptr;
  int id_ = 0;
};

/// Facts of a model that no stage looks at but users ask for.
struct ModelInfo {
  std::string file;  // for messages; empty for models from memory
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  std::string description;
  std::string graph_name;
  std::string graph_description;
  std::int64_t version = 0;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// A typed graph in topological order. Bodies of control flow are graphs whose captured values are explicit inputs.
class Graph {
 public:
  /// A model's graph, with a symbol table of its own.
  explicit Graph(const OpRegistry& registry);
  /// A body inside `parent`: shares its registry, symbols and model info.
  explicit Graph(const Graph* parent);
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph();

  const OpRegistry& registry() const { return *registry_; }
  const std::shared_ptr<SymbolTable>& symbols() const { return symbols_; }
  ModelInfo& info() { return *info_; }
  const ModelInfo& info() const { return *info_; }

  /// An input. Dims without expression become fresh symbols.
  Value* add_input(const std::string& name, ValueType type);
  /// An input that has a default: an initializer that the caller may override. It is no constant.
  Value* add_input(const std::string& name, ValueType type, Tensor default_value);
  /// An input of a body that stands for a value of the enclosing graph: its type and what is known of its contents.
  Value* add_capture(const Value& outer);
  Value* add_constant(Tensor tensor, const std::string& name = "");
  /// Adds a call: checks operand and attribute counts, types and names, fills in defaults, infers all outputs.
  /// `outputs` gives the names of the outputs ("" invents one); their count is the number of outputs (at least one).
  /// Throws Error(kInvalidGraph or kInvalidArgument) that names op and node; kNotImplemented for an operator nobody
  /// defines.
  Node* add(std::string_view domain, std::string_view op, Attributes attributes, std::vector<Value*> inputs,
            const std::vector<std::string>& outputs = {""}, const std::string& name = "",
            std::vector<std::string> origins = {});
  /// add() of a standard operator with one output.
  Value* call(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {},
              const std::string& name = "");
  void add_output(Value* value, const std::string& name);

  const std::vector<Value*>& inputs() const { return inputs_; }
  /// Default of input `i`, or null.
  const Tensor* input_default(std::size_t i) const { return defaults_[i] ? &*defaults_[i] : nullptr; }
  const std::vector<Value*>& outputs() const { return outputs_; }
  const std::vector<std::string>& output_names() const { return output_names_; }
  /// Nodes in topological order.
  const std::vector<Node*>& nodes() const { return nodes_; }
  int value_limit() const { return static_cast<int>(values_.size()); }
  Value* value(int id) const { return values_[static_cast<std::size_t>(id)].get(); }

  /// Infers every node again, in order, now that operands may have become constants; keeps what was known better
  /// before. Returns whether any type became narrower.
  bool refine_types();
  /// Lets go of the elements of all constants, those of bodies included; types, shapes and contents stay. For a graph
  /// that has been compiled: what its executables need, they hold.
  void release_constants();

  /// Checks order, uses and types; throws Error(kInvalidGraph) naming the first fault. For tests and debug builds.
  void verify() const;
  /// The text dump: one line a node.
  std::string to_string() const;

  /// Names that add() gives to what has none start with this.
  std::string unique_name(std::string_view hint);

 private:
  friend class Patch;
  Value* new_value(const std::string& name);
  void adopt_dims(ValueType& type, const std::string& hint);

  const OpRegistry* registry_;
  std::shared_ptr<SymbolTable> symbols_;
  std::shared_ptr<ModelInfo> info_;
  std::vector<std::unique_ptr<Value>> values_;
  std::vector<std::unique_ptr<Node>> owned_;
  std::vector<Node*> nodes_;
  std::vector<Value*> inputs_;
  std::vector<std::optional<Tensor>> defaults_;
  std::vector<Value*> outputs_;
  std::vector<std::string> output_names_;
  std::uint64_t next_name_ = 0;
};

/// An edit of a graph: new nodes are built with add() or call(), then replace() redirects the users of old values, and
/// nodes that nothing reads any more go. Origins of what went are given to what came. Applied by apply() or dropped.
class Patch {
 public:
  explicit Patch(Graph& graph) : graph_(graph) {}
  /// Adds a node whose origins are those of `from` (all of them, merged).
  Node* add(std::string_view domain, std::string_view op, Attributes attributes, std::vector<Value*> inputs,
            std::size_t num_outputs, const std::vector<const Node*>& from);
  Value* call(std::string_view op, std::vector<Value*> inputs, Attributes attributes,
              const std::vector<const Node*>& from);
  Value* constant(Tensor tensor) { return graph_.add_constant(std::move(tensor)); }
  /// Every user of `old_value`, graph outputs included, reads `new_value` instead.
  void replace(Value* old_value, Value* new_value);

  /// Removes nodes without users, unused constants, and restores topological order. Returns how many nodes went.
  static int clean(Graph& graph);

 private:
  Graph& graph_;
};

}  // namespace oriel
