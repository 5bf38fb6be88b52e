// The definition of an operator: its operands, attributes, inference and reference; and the registry of all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/dim.h"
#include "base/shape.h"
#include "ir/attributes.h"
#include "ir/run_context.h"
#include "ir/tensor.h"
#include "ir/value_type.h"

namespace oriel {

class InferContext;
class Node;

/// The operands of one call. An omitted optional operand, and any index past the last one, is absent.
class Inputs {
 public:
  Inputs(const Attributes& attributes, const Datum* const* data, std::size_t size)
      : attributes_(&attributes), data_(data), size_(size) {}
  std::size_t size() const { return size_; }
  bool has(std::size_t i) const { return i < size_ && data_[i] != nullptr && !data_[i]->empty(); }
  /// The tensor; throws Error(kInvalidArgument) where the operand is absent or no tensor.
  const Tensor& operator[](std::size_t i) const {
    ORIEL_REQUIRE(has(i), "input {} is missing", i);
    return data_[i]->tensor();
  }
  /// Any value; an empty optional is a Datum that is empty().
  const Datum& datum(std::size_t i) const {
    ORIEL_REQUIRE(i < size_ && data_[i] != nullptr, "input {} is missing", i);
    return *data_[i];
  }
  const Attributes& attributes() const { return *attributes_; }

 private:
  const Attributes* attributes_;
  const Datum* const* data_;
  std::size_t size_;
};

/// Where a call puts its results. Output `i` is either allocated here and filled, or set to an existing value.
class OutputSink {
 public:
  virtual ~OutputSink() = default;
  virtual std::size_t size() const = 0;
  /// Whether anybody reads output `i`; outputs that nobody reads need not be computed.
  virtual bool wanted(std::size_t i) const = 0;
  /// A tensor to fill: memory planned for it, bound by the caller, or new. Contents are undefined.
  virtual Tensor& allocate(std::size_t i, ElementType type, const Dims& dims) = 0;
  /// Makes an existing value (a sequence, an input passed on, a view where OpTraits::view says so) the output. Tensors
  /// inside a sequence or map own their memory: clone() operands before they go into one.
  virtual void set(std::size_t i, Datum value) = 0;
};

/// The one signature of references and steps.
using OpFunction = void (*)(const Inputs&, OutputSink&, RunContext&);

/// One attribute of an operator: its default, or its type where `required`.
struct AttributeDef {
  enum class Need : std::uint8_t { kDefault, kOptional, kRequired };
  std::string name;
  /// The default of kDefault; for kOptional and kRequired any value of the right type.
  Attribute prototype;
  Need need = Need::kDefault;
};

/// Facts about an operator that passes and devices ask for.
struct OpTraits {
  /// Two calls with equal operands may differ (random generators): never folded, never merged.
  bool nondeterministic = false;
  /// Owns bodies: runs in the executor, has no reference of its own.
  bool control_flow = false;
  /// Output 0 may share the memory of operand 0 (OutputSink::set with a view of it).
  bool view = false;
  /// Operands whose values (not only types) inference looks at, as bits.
  std::uint32_t shape_operands = 0;
};

/// An operator. Registered once per process, kept for ever; see op_list.inc.
struct OpDef {
  std::string name = {};
  /// "" for the standard's own domain.
  std::string domain = {};
  int min_inputs = 0;
  /// -1 where there is no limit.
  int max_inputs = 0;
  int min_outputs = 1;
  int max_outputs = 1;
  std::vector<AttributeDef> attributes = {};
  OpTraits traits = {};
  /// Sets the type of every output. Throws Error for operands that cannot be right.
  void (*infer)(InferContext&) = nullptr;
  /// Plain loops; the oracle of every device. Null for control flow.
  OpFunction reference = nullptr;

  /// "Softmax", "com.microsoft.QLinearAdd".
  std::string full_name() const { return domain.empty() ? name : domain + "." + name; }
};

/// Operators by name. Oriel's own are added once by ops/registry.cpp; users' libraries may add theirs for other
/// domains.
class OpRegistry {
 public:
  /// Throws Error(kInvalidArgument) where the name is taken.
  void add(OpDef definition);
  /// Null where there is none.
  const OpDef* find(std::string_view domain, std::string_view name) const;
  std::vector<const OpDef*> all() const;

 private:
  std::vector<std::pair<std::string, std::unique_ptr<OpDef>>> by_name_;
};

/// What inference sees of a node and what it answers.
class InferContext {
 public:
  explicit InferContext(Node& node) : node_(node) {}
  const Attributes& attributes() const;
  const Node& node() const { return node_; }
  std::size_t num_inputs() const;
  std::size_t num_outputs() const;
  bool has_input(std::size_t i) const;
  /// Throws Error(kInvalidGraph) where the operand is absent.
  const ValueType& type(std::size_t i) const;
  /// Of a tensor operand; throws Error(kInvalidGraph) for other values.
  ElementType element(std::size_t i) const;
  const Shape& shape(std::size_t i) const;
  /// The operand's value where it is a constant, else null.
  const Tensor* constant(std::size_t i) const;
  /// The operand's elements, known or symbolic, where it is a small integer tensor (rank <= 1, up to 64 elements) that
  /// inference can follow, else null.
  const std::vector<Dim>* content(std::size_t i) const;
  /// content(i) where all elements are known numbers.
  bool known_content(std::size_t i, std::vector<std::int64_t>& values) const;

  void set(std::size_t output, ElementType element, Shape shape);
  void set(std::size_t output, ValueType type);
  /// Says what elements a small integer output (rank <= 1) will have.
  void set_content(std::size_t output, std::vector<Dim> elements);

 private:
  Node& node_;
};

}  // namespace oriel
