// A device that runs three operators, one step a node.
#include <cmath>

#include "examples.h"
#include "plan/builder.h"

namespace oriel::examples {
namespace {

using Function = float (*)(float);

// What claim() found out and compile() uses.
class UnaryRecipe final : public Recipe {
 public:
  explicit UnaryRecipe(Function f) : function(f) {}
  const Function function;
};

Function function_of(const Node& node) {
  if (!node.op().domain.empty()) return nullptr;
  const std::string& name = node.op().name;
  if (name == "Abs") return [](float x) { return std::fabs(x); };
  if (name == "Neg") return [](float x) { return -x; };
  if (name == "Relu") return [](float x) { return x < 0 ? 0.0F : x; };
  return nullptr;
}

class UnaryExecutable final : public Executable {
 public:
  UnaryExecutable(std::unique_ptr<plan::Program> program, std::vector<StepInfo> steps)
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

class UnaryDevice final : public Device {
 public:
  const std::string& name() const override { return name_; }

  Claim claim(const Node& node, const CompileOptions&) const override {
    const Function f = function_of(node);
    if (f == nullptr) return Claim::refuse(node.op().full_name() + ": UNARY runs Abs, Neg and Relu alone");
    const ElementType type = node.input(0)->element();
    if (type != ElementType::kF32) {
      return Claim::refuse(formatted("{}: no kernel for {}", node.op().full_name(), element_name(type)));
    }
    return Claim::accept(std::make_shared<UnaryRecipe>(f));
  }

  std::unique_ptr<Executable> compile(Subgraph subgraph, const CompileOptions&) const override {
    plan::ProgramBuilder builder(*subgraph.graph);
    std::vector<StepInfo> steps;
    for (std::size_t i = 0; i < subgraph.nodes.size(); ++i) {
      const Node& node = *subgraph.nodes[i];
      const Function f = static_cast<const UnaryRecipe&>(*subgraph.recipes[i]).function;
      plan::ProgramStep step = builder.step_of(node, [f](const Inputs& inputs, OutputSink& outputs, RunContext&) {
        const Tensor& x = inputs[0];
        Tensor& y = outputs.allocate(0, ElementType::kF32, x.dims());
        const float* from = x.data<float>();
        float* to = y.data<float>();
        for (std::int64_t k = 0; k < x.size(); ++k) to[k] = f(from[k]);
      });
      step.in_place = {0};
      builder.add_step(std::move(step));
      StepInfo info;
      info.device = name_;
      info.kernel = "unary";
      info.precision = "f32";
      info.op = node.op().full_name();
      info.name = node.name();
      info.origins = node.origins();
      info.nodes = {node.id()};
      steps.push_back(std::move(info));
    }
    return std::make_unique<UnaryExecutable>(builder.finish(subgraph.inputs, subgraph.outputs), std::move(steps));
  }

  std::shared_ptr<Memory> allocate(std::size_t bytes, const std::shared_ptr<Budget>& budget) const override {
    return allocate_host(bytes, budget);
  }

 private:
  std::string name_ = "UNARY";
};

}  // namespace

std::shared_ptr<Device> make_unary_device() { return std::make_shared<UnaryDevice>(); }

}  // namespace oriel::examples
