// Layout bookkeeping and steps.
#include "devices/cpu/lowering.h"

#include <algorithm>

#include "devices/cpu/cpu_device.h"
#include "devices/cpu/fourier.h"
#include "devices/cpu/quantised.h"
#include "kernels/elementwise/cast.h"
#include "kernels/reorder/reorder.h"

namespace oriel::cpu {
namespace {

template <typename T>
void reorder_elements(const kernels::ReorderShape& shape, const void* in, void* out, bool to_blocked,
                      std::int64_t first, std::int64_t last) {
  if (to_blocked) {
    kernels::plain_to_blocked(shape, static_cast<const T*>(in), static_cast<T*>(out), first, last);
  } else {
    kernels::blocked_to_plain(shape, static_cast<const T*>(in), static_cast<T*>(out), first, last);
  }
}

void reorder_tensor(const Tensor& x, Tensor& y, bool to_blocked, RunContext& context) {
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
}

// A blocked tensor of bf16 as one of f32.
void widen_tensor(const Tensor& x, Tensor& y, RunContext& context) {
  constexpr std::int64_t kGrain = 1 << 14;
  const std::int64_t count = count_elements(blocked_storage(x.dims()));
  const auto* from = static_cast<const std::uint16_t*>(x.raw());
  auto* to = static_cast<float*>(y.raw());
  parallel(context, (count + kGrain - 1) / kGrain, 1, [&](std::int64_t first, std::int64_t last, int) {
    const std::int64_t begin = first * kGrain;
    const std::int64_t end = std::min(last * kGrain, count);
    kernels::cast(ElementType::kBF16, ElementType::kF32, from + begin, to + begin, end - begin);
  });
}

// The outputs of a step as the kernel inside it sees them: some are blocked copies, which stand behind the step's own.
class EnclosedSink final : public OutputSink {
 public:
  EnclosedSink(OutputSink& outer, std::size_t own) : outer_(outer), target_(own), made_(own) {
    for (std::size_t i = 0; i < own; ++i) target_[i] = i;
  }
  void redirect(std::size_t output, std::size_t to) { target_[output] = to; }
  const Tensor& made(std::size_t output) const { return made_[output].tensor(); }

  std::size_t size() const override { return target_.size(); }
  bool wanted(std::size_t i) const override { return i < target_.size() && outer_.wanted(i); }
  Tensor& allocate(std::size_t i, ElementType type, const Dims& dims) override {
    Tensor& t = outer_.allocate(i < target_.size() ? target_[i] : i, type, dims);
    if (i < made_.size()) made_[i] = t;
    return t;
  }
  void set(std::size_t i, Datum value) override {
    if (i < made_.size()) made_[i] = value;
    outer_.set(i < target_.size() ? target_[i] : i, std::move(value));
  }

 private:
  OutputSink& outer_;
  std::vector<std::size_t> target_;
  std::vector<Datum> made_;
};

// Marks the index of a plain value that a unit takes or makes in the blocked layout inside its own step.
constexpr int kEnclosed = 1 << 30;

}  // namespace

bool has_content(const Node& node) {
  if (node.op().traits.nondeterministic || node.op().traits.control_flow) return false;
  return std::all_of(node.outputs().begin(), node.outputs().end(), [](const Value* v) {
    return v->content() != nullptr && (v->element() == ElementType::kI64 || v->element() == ElementType::kI32);
  });
}

Dims blocked_storage(const Dims& dims) {
  Dims storage = dims;
  storage[1] = (dims[1] + 15) / 16;
  storage.push_back(16);
  return storage;
}

bool whole_blocks(const Shape& shape) {
  return shape.is_ranked() && shape.rank() >= 3 && shape[1].is_known() && shape[1].value() % 16 == 0;
}

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
  if (node == nullptr || node->op().full_name() != "DequantizeLinear" || value->element() != ElementType::kF32)
    return false;
  return std::all_of(node->inputs().begin(), node->inputs().end(),
                     [](const Value* v) { return v == nullptr || v->is_constant(); });
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

namespace {

const std::unordered_map<std::string_view, Rule>& all_rules() {
  static const auto* const rules = [] {
    auto* map = new std::unordered_map<std::string_view, Rule>;
    for (const std::vector<Rule>& list :
         {attention_rules(), conv_rules(), pool_rules(), elementwise_rules(), logic_rules(), gemm_rules(), norm_rules(),
          reduce_rules(), movement_rules(), gather_rules(), create_rules(), resize_rules(), recurrent_rules(),
          quant_rules(), number_rules(), detect_rules(), ml_rules(), line_rules(), fourier_rules()}) {
      for (const Rule& rule : list) map->emplace(rule.op, rule);
    }
    return map;
  }();
  return *rules;
}

}  // namespace

const Rule* find_rule(const Node& node) {
  const auto found = all_rules().find(node.op().full_name());
  return found == all_rules().end() ? nullptr : &found->second;
}

Lowering::Lowering(const Subgraph& subgraph, const CompileOptions& options, int threads)
    : subgraph_(subgraph),
      options_(options),
      threads_(threads),
      builder_(*subgraph.graph),
      outputs_(subgraph.outputs.begin(), subgraph.outputs.end()) {}

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
  if (const Tensor* constant = value->is_constant() || options_.one_step_per_node ? nullptr : folded(value)) {
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
  if (is_narrow(value) || blocked_.count(value) != 0) reorder(value, blocked(value), index, false);
  return index;
}

int Lowering::blocked(const Value* value) {
  if (!may_block()) return enclosed(value);
  const auto found = blocked_.find(value);
  if (found != blocked_.end()) return found->second;
  if (is_narrow(value)) {
    const int index = blocked_output(value);
    widen(value, narrow(value), index);
    return index;
  }
  const int from = plain(value);
  const int index = blocked_output(value);
  reorder(value, from, index, true);
  return index;
}

int Lowering::plain_output(const Value* value) { return plain(value); }

int Lowering::blocked_output(const Value* value) {
  if (!may_block()) return enclosed(value);
  plan::ProgramValue v;
  v.name = value->name();
  v.type = value->type();
  v.storage = blocked_storage;
  const int index = builder_.add_value(std::move(v));
  blocked_.emplace(value, index);
  return index;
}

int Lowering::narrow_output(const Value* value) {
  plan::ProgramValue v;
  v.name = value->name();
  v.type = value->type();
  v.type.element = ElementType::kBF16;
  v.storage = blocked_storage;
  const int index = builder_.add_value(std::move(v));
  narrow_.emplace(value, index);
  return index;
}

void Lowering::announce(const std::vector<Unit>& units) {
  for (const Unit& unit : units) {
    units_.emplace(unit.node, &unit);
    for (const Node* node : unit.absorbed) units_.emplace(node, &unit);
  }
}

const Unit* Lowering::unit_of(const Node* node) const {
  const auto found = units_.find(node);
  return found == units_.end() ? nullptr : found->second;
}

void Lowering::widen(const Value* value, int from, int to) {
  plan::ProgramStep step;
  step.inputs = {from};
  step.outputs = {to};
  step.op = "Reorder";
  step.node = value->name();
  step.run = [](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    widen_tensor(inputs[0], outputs.allocate(0, ElementType::kF32, inputs[0].dims()), context);
  };
  builder_.add_step(std::move(step));
  StepInfo info;
  info.device = "CPU";
  info.kernel = "cast";
  info.algorithm = "bf16_to_f32";
  info.precision = "f32";
  info.op = "Reorder";
  info.name = value->name();
  steps_.push_back(std::move(info));
}

void Lowering::reorder(const Value* value, int from, int to, bool to_blocked) {
  plan::ProgramStep step;
  step.inputs = {from};
  step.outputs = {to};
  step.op = "Reorder";
  step.node = value->name();
  step.run = [to_blocked](const Inputs& inputs, OutputSink& outputs, RunContext& context) {
    reorder_tensor(inputs[0], outputs.allocate(0, inputs[0].type(), inputs[0].dims()), to_blocked, context);
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

int Lowering::blocked_copy(int plain) {
  const Value* value = enclosed_.at(plain);
  plan::ProgramValue v;
  v.name = value->name();
  v.type = value->type();
  v.storage = blocked_storage;
  return builder_.add_value(std::move(v));
}

int Lowering::enclosed(const Value* value) {
  const int index = plain(value);
  enclosed_.emplace(index, value);
  return index | kEnclosed;
}

void Lowering::enclose_reorders(StepSpec& spec) {
  // Every blocked operand gets a blocked copy, which is one more output of the step that nobody reads afterwards.
  struct Copy {
    std::size_t plain;
    std::size_t blocked;
  };
  std::vector<Copy> before;
  std::vector<Copy> after;
  std::vector<int> outputs = spec.outputs;
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    if (spec.inputs[i] < 0 || (spec.inputs[i] & kEnclosed) == 0) continue;
    spec.inputs[i] &= ~kEnclosed;
    before.push_back({i, outputs.size()});
    outputs.push_back(blocked_copy(spec.inputs[i]));
  }
  for (std::size_t i = 0; i < spec.outputs.size(); ++i) {
    if (spec.outputs[i] < 0 || (spec.outputs[i] & kEnclosed) == 0) continue;
    outputs[i] &= ~kEnclosed;
    after.push_back({i, outputs.size()});
    outputs.push_back(blocked_copy(outputs[i]));
  }
  if (before.empty() && after.empty()) return;
  const std::size_t own = spec.outputs.size();
  spec.outputs = std::move(outputs);
  spec.in_place.clear();
  spec.view = false;
  spec.run = [inner = std::move(spec.run), before, after, own](const Inputs& inputs, OutputSink& outputs,
                                                               RunContext& context) {
    std::vector<Datum> copies(before.size());
    std::vector<const Datum*> operands(inputs.size(), nullptr);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs.has(i)) operands[i] = &inputs.datum(i);
    }
    for (std::size_t i = 0; i < before.size(); ++i) {
      const Tensor& from = inputs[before[i].plain];
      Tensor& to = outputs.allocate(before[i].blocked, from.type(), from.dims());
      reorder_tensor(from, to, true, context);
      copies[i] = to;
      operands[before[i].plain] = &copies[i];
    }
    EnclosedSink sink(outputs, own);
    for (const Copy& copy : after) sink.redirect(copy.plain, copy.blocked);
    inner(Inputs(inputs.attributes(), operands.data(), operands.size()), sink, context);
    for (const Copy& copy : after) {
      const Tensor& from = sink.made(copy.plain);
      reorder_tensor(from, outputs.allocate(copy.plain, from.type(), from.dims()), false, context);
    }
  };
}

void Lowering::step(const Unit& unit, StepSpec spec) {
  if (!may_block()) enclose_reorders(spec);
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
  info.nodes = {unit.node->id()};
  for (const Node* n : unit.absorbed) {
    info.origins.insert(info.origins.end(), n->origins().begin(), n->origins().end());
    info.nodes.push_back(n->id());
  }
  if (spec.describe) descriptions_.emplace_back(steps_.size(), std::move(spec.describe));
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
  weights_.settle(options_, threads_);
  for (const auto& [index, describe] : descriptions_) describe(steps_[index]);
  return builder_.finish(subgraph_.inputs, subgraph_.outputs);
}

}  // namespace oriel::cpu

namespace oriel {

std::vector<std::string_view> cpu_operators() {
  std::vector<std::string_view> names;
  for (const auto& [name, rule] : cpu::all_rules()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace oriel
