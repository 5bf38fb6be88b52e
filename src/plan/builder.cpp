// Values and steps of a program from a graph's.
#include "plan/builder.h"

#include "ir/alignment.h"

namespace oriel::plan {

ProgramBuilder::ProgramBuilder(const Graph& graph) : program_(std::make_unique<Program>(graph.symbols())) {}

int ProgramBuilder::value(const Value* value) {
  if (value == nullptr) return -1;
  const auto found = index_.find(value);
  if (found != index_.end()) return found->second;
  ProgramValue v;
  v.name = value->name();
  v.type = value->type();
  if (value->is_constant()) v.constant = aligned(*value->constant());
  const int index = program_->add_value(std::move(v));
  index_.emplace(value, index);
  return index;
}

ProgramStep ProgramBuilder::step_of(const Node& node, StepFunction run) {
  ProgramStep step;
  step.run = std::move(run);
  step.attributes = node.attributes();
  for (const Value* v : node.inputs()) step.inputs.push_back(value(v));
  for (const Value* v : node.outputs()) step.outputs.push_back(value(v));
  step.view = node.op().traits.view;
  step.op = node.op().full_name();
  step.node = node.name();
  return step;
}

std::unique_ptr<Program> ProgramBuilder::finish(const std::vector<const Value*>& inputs,
                                                const std::vector<const Value*>& outputs) {
  std::vector<int> in;
  std::vector<int> out;
  for (const Value* v : inputs) in.push_back(value(v));
  for (const Value* v : outputs) out.push_back(value(v));
  program_->set_inputs(std::move(in));
  program_->set_outputs(std::move(out));
  program_->finish();
  return std::move(program_);
}

}  // namespace oriel::plan
