// How the CPU runs SoftCap.
#include "examples.h"
#include "soft_cap_kernel.h"

namespace oriel::examples {
namespace {

constexpr std::int64_t kGrain = 16384;

std::string decline(const Node& node, const CompileOptions&) {
  const ElementType type = node.input(0)->element();
  return type == ElementType::kF32 ? std::string() : formatted("no kernel for {}", element_name(type));
}

// 0 stays 0, so the zeros behind the last channel of a blocked tensor stay.
bool reads_blocked(const Node&, std::size_t input) { return input == 0; }

void lower(cpu::Lowering& lowering, const cpu::Unit& unit) {
  const Value* x = unit.node->input(0);
  const bool blocked = lowering.is_blocked(x);
  const float cap = unit.node->attributes().get_float("cap");
  cpu::Lowering::StepSpec spec;
  spec.inputs = {blocked ? lowering.blocked(x) : lowering.plain(x)};
  spec.outputs = {blocked ? lowering.blocked_output(unit.output) : lowering.plain_output(unit.output)};
  spec.in_place = {0};
  spec.kernel = "soft_cap_f32";
  spec.run = [cap, blocked](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& in = inputs[0];
    Tensor& out = outputs.allocate(0, ElementType::kF32, in.dims());
    const float* from = in.data<float>();
    float* to = out.data<float>();
    const std::int64_t stored = blocked ? count_elements(cpu::blocked_storage(in.dims())) : in.size();
    cpu::parallel(context, stored, kGrain, [&](std::int64_t first, std::int64_t last, int) {
      kernels::soft_cap_f32(cap, from + first, to + first, last - first);
    });
  };
  lowering.step(unit, std::move(spec));
}

}  // namespace

cpu::Rule soft_cap_rule() {
  return {.op = "example.SoftCap", .decline = decline, .lower = lower, .reads_blocked = reads_blocked};
}

}  // namespace oriel::examples
