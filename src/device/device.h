// What a device is to the rest of the engine: claims, compilation, memory; and what it compiles: executables.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/memory.h"
#include "ir/graph.h"
#include "ir/run_context.h"

namespace oriel {

/// How a sub-graph is to run. New wishes become fields, never new functions of Device.
struct CompileOptions {
  enum class Precision : std::uint8_t { kF32, kBF16, kF16, kDynamic };
  enum class Mode : std::uint8_t { kPerformance, kAccuracy };
  /// Slots that a run may use; 0: all processors of the process.
  int threads = 0;
  Precision precision = Precision::kF32;
  Mode mode = Mode::kPerformance;
  /// One step a node of the graph: no fusion, no blocked layouts across nodes.
  bool one_step_per_node = false;
  /// Winograd convolutions; off in Mode::kAccuracy.
  bool winograd = true;
  /// Products by Strassen's scheme; off in Mode::kAccuracy.
  bool strassen = true;
  /// Bytes that larger forms of the weights (Winograd's, Strassen's) may take beyond their plain packing; negative: the
  /// default rule.
  std::int64_t weights_budget = -1;
  /// Of that, what parts compiled before have taken; null: nothing.
  std::shared_ptr<std::atomic<std::int64_t>> weights_spent;
  std::shared_ptr<Budget> budget;
};

/// A device's plan for one node, made by claim() and consumed by compile().
class Recipe {
 public:
  virtual ~Recipe() = default;
};

/// The answer to "can you run this node?": a recipe, or a sentence why not.
struct Claim {
  std::shared_ptr<const Recipe> recipe;
  std::string decline;
  static Claim accept(std::shared_ptr<const Recipe> r) { return {std::move(r), {}}; }
  static Claim refuse(std::string sentence) { return {nullptr, std::move(sentence)}; }
  explicit operator bool() const { return recipe != nullptr; }
};

/// Nodes of one graph that a device runs as a whole, in topological order, with their recipes.
struct Subgraph {
  const Graph* graph = nullptr;
  std::vector<const Node*> nodes;
  std::vector<std::shared_ptr<const Recipe>> recipes;
  /// Values from outside, constants excluded; and values that are read outside.
  std::vector<const Value*> inputs;
  std::vector<const Value*> outputs;
};

/// One step of an executable, for explain, profiles and assignment reports.
struct StepInfo {
  std::string device;
  std::string kernel;
  std::string algorithm;
  std::string precision;
  std::string op;
  std::string name;
  std::vector<std::string> origins;
  /// Node::id() of what it computes; empty where it moves data between layouts.
  std::vector<int> nodes;
  std::int64_t packed_bytes = 0;
};

/// What an executable holds.
struct ExecutableInfo {
  std::vector<StepInfo> steps;
  std::int64_t packed_bytes = 0;
  /// Largest arena planned so far, in bytes.
  std::int64_t arena_bytes = 0;
};

/// The end of a submitted run. Devices that work on their own time derive from it.
class Event {
 public:
  explicit Event(Status status = {}) : status_(std::move(status)) {}
  virtual ~Event() = default;
  /// Blocks until the run is over.
  virtual Status wait() { return status_; }

 private:
  Status status_;
};

/// A compiled sub-graph. Runs may overlap.
class Executable {
 public:
  virtual ~Executable() = default;
  /// Operands in the order of Subgraph::inputs. An output that holds a tensor of the right type and size is written in
  /// place; every other one is replaced. The CPU has completed when this returns.
  virtual Status submit(std::span<const Datum* const> inputs, std::span<Datum> outputs, RunContext& context) = 0;
  virtual ExecutableInfo describe() const = 0;
  /// The text dump of stage 5: steps, values and memory; empty where the device has none.
  virtual std::string dump() const { return {}; }
};

/// Something that runs nodes.
class Device {
 public:
  virtual ~Device() = default;
  /// "CPU", "REFERENCE".
  virtual const std::string& name() const = 0;
  /// Whether and how the device would run a node. A pure predicate on the node, its known shapes and types, and
  /// options.
  virtual Claim claim(const Node& node, const CompileOptions& options) const = 0;
  /// Never declines what was claimed. Throws Error where memory runs out or a constant operand cannot be right.
  virtual std::unique_ptr<Executable> compile(Subgraph subgraph, const CompileOptions& options) const = 0;
  virtual std::shared_ptr<Memory> allocate(std::size_t bytes, const std::shared_ptr<Budget>& budget) const = 0;
};

}  // namespace oriel
