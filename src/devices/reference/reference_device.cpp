// One step a node, each a call of the operator's reference.
#include "devices/reference/reference_device.h"

#include "plan/builder.h"

namespace oriel {
namespace {

class ReferenceRecipe final : public Recipe {};

class ReferenceExecutable final : public Executable {
 public:
  ReferenceExecutable(std::unique_ptr<plan::Program> program, std::vector<StepInfo> steps)
      : program_(std::move(program)), steps_(std::move(steps)) {}
  Status submit(std::span<const Datum* const> inputs, std::span<Datum> outputs, RunContext& context) override {
    return program_->run(inputs, outputs, context, this);
  }
  ExecutableInfo describe() const override { return {steps_, 0, program_->arena_bytes()}; }
  std::string dump() const override { return program_->dump(); }

 private:
  std::unique_ptr<plan::Program> program_;
  std::vector<StepInfo> steps_;
};

class ReferenceDevice final : public Device {
 public:
  const std::string& name() const override { return name_; }

  Claim claim(const Node& node, const CompileOptions&) const override {
    if (node.op().reference == nullptr) return Claim::refuse(node.op().full_name() + ": runs in the executor");
    return Claim::accept(recipe_);
  }

  std::unique_ptr<Executable> compile(Subgraph subgraph, const CompileOptions&) const override {
    plan::ProgramBuilder builder(*subgraph.graph);
    std::vector<StepInfo> steps;
    for (const Node* node : subgraph.nodes) {
      builder.add_step(builder.step_of(*node, node->op().reference));
      StepInfo info;
      info.device = name_;
      info.kernel = "reference";
      info.precision = node->num_outputs() > 0 ? std::string(element_name(node->output()->element())) : "";
      info.op = node->op().full_name();
      info.name = node->name();
      info.origins = node->origins();
      info.nodes = {node->id()};
      steps.push_back(std::move(info));
    }
    return std::make_unique<ReferenceExecutable>(builder.finish(subgraph.inputs, subgraph.outputs), std::move(steps));
  }

  std::shared_ptr<Memory> allocate(std::size_t bytes, const std::shared_ptr<Budget>& budget) const override {
    return allocate_host(bytes, budget);
  }

 private:
  std::string name_ = "REFERENCE";
  std::shared_ptr<const Recipe> recipe_ = std::make_shared<ReferenceRecipe>();
};

}  // namespace

std::shared_ptr<Device> make_reference_device() { return std::make_shared<ReferenceDevice>(); }

}  // namespace oriel
