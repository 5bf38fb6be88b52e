// A graph that can run: its parts compiled by their devices, control flow interpreted between them.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "device/device.h"
#include "ir/graph.h"
#include "partition/partition.h"

namespace oriel {

/// A node that candidates declined before somebody took it.
struct DeclinedNode {
  std::string op;
  std::string name;
  std::vector<std::string> origins;
  std::vector<Decline> declines;
};

/// For each step of a compiled graph, which part and executable it belongs to, and the declines of its nodes.
struct CompiledPartInfo {
  std::string provider;  // empty for control flow
  std::string device;
  ExecutableInfo executable;
  const Executable* handle = nullptr;
  /// The graph whose nodes StepInfo::nodes counts.
  const Graph* graph = nullptr;
  std::vector<DeclinedNode> declined;
  /// Of a control-flow node: its operator, name and bodies.
  std::string op;
  std::string name;
  std::vector<std::vector<CompiledPartInfo>> bodies;
};

/// Compiles on construction; runs from any number of threads.
class CompiledGraph {
 public:
  /// Keeps the graph. Throws Error.
  CompiledGraph(std::shared_ptr<const Graph> graph, const std::vector<Candidate>& candidates);
  ~CompiledGraph();

  const Graph& graph() const { return *graph_; }
  /// Operands in the order of Graph::inputs(), none null. Outputs as Executable::submit. The context's symbols start
  /// unbound for a model, and carry the enclosing graph's for a body.
  Status run(std::span<const Datum* const> inputs, std::span<Datum> outputs, RunContext& context);
  std::vector<CompiledPartInfo> describe() const;
  /// The text dump of stage 5: what every executable holds, bodies of control flow indented below their node.
  std::string dump() const;
  const Partition& partition() const { return partition_; }

 private:
  struct CompiledPart;
  struct State;
  struct Flow;
  class Rows;
  std::unique_ptr<State> take_state();
  void give_state(std::unique_ptr<State> state);
  Status run_if(CompiledPart& part, State& state, Flow& flow, RunContext& context);
  Status run_loop(CompiledPart& part, State& state, Flow& flow, RunContext& context);
  Status run_scan(CompiledPart& part, State& state, Flow& flow, RunContext& context);
  void bind_outputs(const CompiledPart& part, const State& state, RunContext& context) const;

  std::shared_ptr<const Graph> graph_;
  Partition partition_;
  std::vector<std::unique_ptr<CompiledPart>> parts_;
  int slot_count_ = 0;
  std::vector<int> input_slots_;
  std::vector<int> output_slots_;
  std::vector<Datum> constants_;  // by slot: values that are constants
  /// One part whose outputs are the graph's: runs without a state. Its operands, by position in Graph::inputs().
  bool direct_ = false;
  std::vector<int> direct_inputs_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<State>> idle_;
};

}  // namespace oriel
