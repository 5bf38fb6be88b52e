// Claims by rule; compilation by fusing units and lowering each.
#include "devices/cpu/cpu_device.h"

#include <algorithm>
#include <unordered_map>

#include "base/thread_pool.h"
#include "devices/cpu/quantised.h"

namespace oriel {
namespace {

using cpu::Lowering;
using cpu::Rule;
using cpu::Unit;

class RuleRecipe final : public Recipe {};
class ContentRecipe final : public Recipe {};

class CpuExecutable final : public Executable {
 public:
  CpuExecutable(std::unique_ptr<plan::Program> program, std::vector<StepInfo> steps)
      : program_(std::move(program)), steps_(std::move(steps)) {}
  Status submit(std::span<const Datum* const> inputs, std::span<Datum> outputs, RunContext& context) override {
    return program_->run(inputs, outputs, context, this);
  }
  ExecutableInfo describe() const override {
    ExecutableInfo info{steps_, 0, program_->arena_bytes()};
    for (const StepInfo& s : steps_) info.packed_bytes += s.packed_bytes;
    return info;
  }
  std::string dump() const override { return program_->dump(); }

 private:
  std::unique_ptr<plan::Program> program_;
  std::vector<StepInfo> steps_;
};

class CpuDevice final : public Device {
 public:
  const std::string& name() const override { return name_; }

  Claim claim(const Node& node, const CompileOptions& options) const override {
    if (!options.one_step_per_node && cpu::has_content(node)) return Claim::accept(content_);
    const Rule* rule = cpu::find_rule(node);
    if (rule == nullptr) return Claim::refuse(node.op().full_name() + ": the CPU has no kernel for it");
    std::string sentence = rule->decline == nullptr ? std::string() : rule->decline(node, options);
    if (!sentence.empty()) return Claim::refuse(node.op().full_name() + ": " + sentence);
    return Claim::accept(rule_);
  }

  std::unique_ptr<Executable> compile(Subgraph subgraph, const CompileOptions& options) const override {
    const int threads = options.threads > 0 ? options.threads : usable_cpus();
    std::unordered_map<const Node*, const Recipe*> recipes;
    for (std::size_t i = 0; i < subgraph.nodes.size(); ++i)
      recipes.emplace(subgraph.nodes[i], subgraph.recipes[i].get());
    Lowering lowering(subgraph, options, threads);
    const std::vector<Unit> units = cpu::fuse_units(subgraph, options);
    lowering.announce(units);
    for (const Unit& unit : units) {
      if (unit.quantised != nullptr) {
        cpu::lower_quantised(lowering, unit);
      } else if (recipes.at(unit.node) == content_.get()) {
        for (const Value* v : unit.node->outputs()) lowering.content(v);
      } else {
        cpu::find_rule(*unit.node)->lower(lowering, unit);
      }
    }
    std::unique_ptr<plan::Program> program = lowering.finish();
    program->reserve(options.budget);
    return std::make_unique<CpuExecutable>(std::move(program), lowering.take_steps());
  }

  std::shared_ptr<Memory> allocate(std::size_t bytes, const std::shared_ptr<Budget>& budget) const override {
    return allocate_host(bytes, budget);
  }

 private:
  std::string name_ = "CPU";
  std::shared_ptr<const Recipe> rule_ = std::make_shared<RuleRecipe>();
  std::shared_ptr<const Recipe> content_ = std::make_shared<ContentRecipe>();
};

}  // namespace

std::shared_ptr<Device> make_cpu_device() { return std::make_shared<CpuDevice>(); }

}  // namespace oriel
