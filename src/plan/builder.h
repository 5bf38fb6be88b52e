// Turns values of a graph into values of a program, for devices that lower nodes to steps.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "plan/program.h"

namespace oriel::plan {

/// Collects a program. Values are added when they are first named; constants share their tensors.
class ProgramBuilder {
 public:
  explicit ProgramBuilder(const Graph& graph);
  /// The program value of a graph value; -1 for null.
  int value(const Value* value);
  /// Makes the graph value another name of a program value.
  void bind(const Value* value, int index) { index_[value] = index; }
  /// A value without counterpart in the graph.
  int add_value(ProgramValue value) { return program_->add_value(std::move(value)); }
  /// A step that calls `run` with the node's operands and results.
  ProgramStep step_of(const Node& node, StepFunction run);
  void add_step(ProgramStep step) { program_->add_step(std::move(step)); }
  /// Ends the program.
  std::unique_ptr<Program> finish(const std::vector<const Value*>& inputs, const std::vector<const Value*>& outputs);

 private:
  std::unique_ptr<Program> program_;
  std::unordered_map<const Value*, int> index_;
};

}  // namespace oriel::plan
