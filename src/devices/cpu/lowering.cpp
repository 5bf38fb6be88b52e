// Layout bookkeeping and steps.
#include "devices/cpu/lowering.h"

#include <algorithm>

#include "devices/cpu/quantised.h"
#include "kernels/reorder/reorder.h"

namespace oriel::cpu {
namespace {

template <typename T>
void reorder_elements(const kernels::ReorderShape& shape, const void* in, void* out, bool to_blocked, std::int64_t first, std::int64_t last) {
  if (to_blocked) {
    kernels::plain_to_blocked(shape, static_cast<const T*>(in), static_cast<T*>(out), first, last);
  } else {
    kernels::blocked_to_plain(shape, static_cast<const T*>(in), static_cast<T*>(out), first, last);
  }
}

}  // namespace

Dims blocked_storage(const Dims& dims) {
  Dims storage = dims;
  storage[1] = (dims[1] + 15) / 16;
  storage.push_back(16);
  return storage;
}

bool whole_blocks(const Shape& shape) { return shape.is_ranked() && shape.rank() >= 3 && shape[1].is_known() && shape[1].value() % 16 == 0; }

std::vector<float> constant_f32(const Value* value) {
  if (value == nullptr || !value->is_constant() || value->element() != ElementType::kF32) return {};
  const Tensor& t = *value->constant();
  return std::vector<float>(t.data<float>(), t.data<float>() + t.size());
}

std::optional<double> constant_scalar(const Value* value) {
  if (value == nullptr || !value->is_constant() || value->constant()->size() != 1) return std::nullopt;
  if (!is_float(value->element()) && !is_integer(value->element())) return std::nullopt;
  return element_as_f64(*value->constant(), 0);
}

bool is_folded(const Value* value) {
  if (value == nullptr || value->is_constant()) return value != nullptr;
  const Node* node = value->producer();
  if (node == nullptr || node->op().full_name() != "DequantizeLinear" || value->element() != ElementType::kF32) return false;
  return std::all_of(node->inputs().begin(), node->inputs().end(), [](const Value* v) { return v == nullptr || v->is_constant(); });
}

const Tensor* Lowering::folded(const Value* value) {
  if (!is_folded(value)) return nullptr;
  if (value->is_constant()) return value->constant();
  const auto found = folded_.find(value);
  if (found != folded_.end()) return &found->second;
  std::vector<const Tensor*> operands;
  for (const Value* v : value->producer()->inputs()) operands.push_back(v == nullptr ? nullptr : v->constant());
  return &folded_.emplace(value, evaluate(*value->producer(), operands)).first->second;
}

const Rule* find_rule(const Node& node) {
  static const auto* const rules = [] {
    auto* map = new std::unordered_map<std::string_view, Rule>;
    for (const std::vector<Rule>& list : {conv_rules(), pool_rules(), elementwise_rules(), logic_rules(), gemm_rules(), norm_rules(), reduce_rules(),
                                          movement_rules(), gather_rules(), create_rules(), resize_rules(), recurrent_rules(), quant_rules(), number_rules(), detect_rules(), ml_rules(), line_rules()}) {
      for (const Rule& rule : list) map->emplace(rule.op, rule);
    }
    return map;
  }();
  const auto found = rules->find(node.op().full_name());
  return found == rules->end() ? nullptr : &found->second;
}

Lowering::Lowering(const Subgraph& subgraph, const CompileOptions& options, int threads)
    : subgraph_(subgraph), options_(options), threads_(threads), builder_(*subgraph.graph), outputs_(subgraph.outputs.begin(), subgraph.outputs.end()) {}

bool Lowering::wanted_blocked(const Value* value) const {
  if (!may_block() || !value->shape().is_ranked() || value->shape().rank() < 3) return false;
  if (value->element() != ElementType::kF32 && !is_byte(value->element())) return false;
  for (const Node* user : value->users()) {
    const Rule* rule = find_rule(*user);
    if (rule == nullptr || rule->reads_blocked == nullptr) continue;
    for (std::size_t i = 0; i < user->num_inputs(); ++i) {
      if (user->input(i) == value && rule->reads_blocked(*user, i)) return true;
    }
  }
  return false;
}

int Lowering::plain(const Value* value) {
  if (value == nullptr) return -1;
  const auto found = plain_.find(value);
  if (found != plain_.end()) return found->second;
  int index = -1;
  if (const Tensor* constant = value->is_constant() ? nullptr : folded(value)) {
    plan::ProgramValue v;
    v.name = value->name();
    v.type = value->type();
    v.constant = Datum(*constant);
    index = builder_.add_value(std::move(v));
    builder_.bind(value, index);
  } else {
    index = builder_.value(value);
  }
  plain_.emplace(value, index);
  const auto other = blocked_.find(value);
  if (other != blocked_.end()) reorder(value, other->second, index, false);
  return index;
}

int Lowering::blocked(const Value* value) {
  const auto found = blocked_.find(value);
  if (found != blocked_.end()) return found->second;
  const int from = plain(value);
  const int index = blocked_output(value);
  reorder(value, from, index, true);
  return index;
}

int Lowering::plain_output(const Value* value) { return plain(value); }

int Lowering::blocked_output(const Value* value) {
  plan::ProgramValue v;
  v.name = value->name();
  v.type = value->type();
  v.storage = blocked_storage;
  const int index = builder_.add_value(std::move(v));
  blocked_.emplace(value, index);
  return index;
}

void Lowering::reorder(const Value* value, int from, int to, bool to_blocked) {
  plan::ProgramStep step;
  step.inputs = {from};
  step.outputs = {to};
  step.op = "Reorder";
  step.node = value->name();
  step.run = [to_blocked](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    const Tensor& x = inputs[0];
    Tensor& y = outputs.allocate(0, x.type(), x.dims());
    kernels::ReorderShape shape;
    shape.batch = x.dim(0);
    shape.channels = x.dim(1);
    for (std::size_t i = 2; i < x.rank(); ++i) shape.points *= x.dim(i);
    const void* in = x.raw();
    void* out = y.raw();
    const int bits = element_bits(x.type());
    parallel(context, kernels::reorder_units(shape), 1, [&](std::int64_t first, std::int64_t last, int) {
      if (bits == 8) {
        reorder_elements<std::uint8_t>(shape, in, out, to_blocked, first, last);
      } else if (bits == 16) {
        reorder_elements<std::uint16_t>(shape, in, out, to_blocked, first, last);
      } else {
        // Bits pass through unchanged, whatever they mean.
        reorder_elements<float>(shape, in, out, to_blocked, first, last);
      }
    });
  };
  builder_.add_step(std::move(step));
  StepInfo info;
  info.device = "CPU";
  info.kernel = "reorder";
  info.algorithm = to_blocked ? "plain_to_blocked" : "blocked_to_plain";
  info.precision = std::string(element_name(value->element()));
  info.op = "Reorder";
  info.name = value->name();
  steps_.push_back(std::move(info));
}

void Lowering::step(const Unit& unit, StepSpec spec) {
  plan::ProgramStep step;
  step.run = std::move(spec.run);
  step.inputs = std::move(spec.inputs);
  step.outputs = std::move(spec.outputs);
  step.view = spec.view;
  step.in_place = std::move(spec.in_place);
  step.attributes = unit.node->attributes();
  step.op = unit.node->op().full_name();
  step.node = unit.node->name();
  builder_.add_step(std::move(step));
  StepInfo info;
  info.device = "CPU";
  info.kernel = std::move(spec.kernel);
  info.algorithm = std::move(spec.algorithm);
  info.packed_bytes = spec.packed_bytes;
  info.precision = std::string(element_name(unit.output->element()));
  info.op = unit.node->op().full_name();
  info.name = unit.node->name();
  info.origins = unit.node->origins();
  for (const Node* n : unit.absorbed) info.origins.insert(info.origins.end(), n->origins().begin(), n->origins().end());
  steps_.push_back(std::move(info));
}

void Lowering::content(const Value* value) {
  plan::ProgramValue v;
  v.name = value->name();
  v.type = value->type();
  v.content = *value->content();
  v.has_content = true;
  const int index = builder_.add_value(std::move(v));
  builder_.bind(value, index);
  plain_.emplace(value, index);
}

std::unique_ptr<plan::Program> Lowering::finish() {
  for (const Value* v : subgraph_.outputs) plain(v);
  return builder_.finish(subgraph_.inputs, subgraph_.outputs);
}

}  // namespace oriel::cpu
