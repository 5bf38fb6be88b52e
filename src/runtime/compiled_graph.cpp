// Running parts in order, and the executor of If, Loop and Scan.
#include "runtime/compiled_graph.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/text.h"

namespace oriel {

struct CompiledGraph::CompiledPart {
  std::string provider;
  std::string device;
  std::unique_ptr<Executable> executable;
  std::vector<int> inputs;   // slots; of control flow: its operands, -1 where absent
  std::vector<int> outputs;
  const Node* node = nullptr;
  std::vector<std::unique_ptr<CompiledGraph>> bodies;
};

struct CompiledGraph::State {
  std::vector<Datum> slots;
  std::vector<const Datum*> operands;
  std::vector<std::vector<Datum>> results;  // by part: outputs, kept so that their memory is used again
};

namespace {

Datum owned(const Datum& value, const std::shared_ptr<Budget>& budget) {
  return value.is_tensor() ? Datum(value.tensor().clone(budget)) : value;
}

// Rows [index, index + 1) along an axis of `from`, without that axis.
Tensor slice(const Tensor& from, std::int64_t axis, std::int64_t index, const std::shared_ptr<Budget>& budget) {
  Dims dims = from.dims();
  const std::int64_t extent = dims[static_cast<std::size_t>(axis)];
  std::int64_t inner = 1;
  std::int64_t outer = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (static_cast<std::int64_t>(d) < axis) outer *= dims[d];
    if (static_cast<std::int64_t>(d) > axis) inner *= dims[d];
  }
  dims.erase(dims.begin() + axis);
  if (outer == 1 && from.type() != ElementType::kString && !is_sub_byte(from.type())) {
    return Tensor(from.type(), dims, from.memory(), from.byte_offset() + element_bytes(from.type(), index * inner));
  }
  Tensor to = Tensor::allocate(from.type(), dims, budget);
  for (std::int64_t o = 0; o < outer; ++o) {
    if (from.type() == ElementType::kString) {
      std::copy_n(from.data<std::string>() + (o * extent + index) * inner, inner, to.data<std::string>() + o * inner);
    } else if (is_sub_byte(from.type())) {
      for (std::int64_t i = 0; i < inner; ++i) store_element(to, o * inner + i, element_as_f64(from, (o * extent + index) * inner + i));
    } else {
      const std::size_t bytes = element_bytes(from.type(), inner);
      std::memcpy(static_cast<char*>(to.raw()) + o * static_cast<std::int64_t>(bytes),
                  static_cast<const char*>(from.raw()) + (o * extent + index) * static_cast<std::int64_t>(bytes), bytes);
    }
  }
  return to;
}

// Slices put together along a new axis.
Tensor stack(const std::vector<Tensor>& slices, std::int64_t axis, ElementType type, const Shape& shape, bool reverse,
             const std::shared_ptr<Budget>& budget) {
  const auto count = static_cast<std::int64_t>(slices.size());
  Dims dims;
  if (!slices.empty()) {
    dims = slices[0].dims();
  } else if (shape.is_ranked()) {
    // No iteration: the slice's dimensions as far as they are known, 0 elsewhere.
    for (std::size_t d = 0; d < shape.rank(); ++d) {
      if (static_cast<std::int64_t>(d) != axis) dims.push_back(shape[d].is_known() ? shape[d].value() : 0);
    }
  }
  std::int64_t outer = 1;
  std::int64_t inner = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) (static_cast<std::int64_t>(d) < axis ? outer : inner) *= dims[d];
  Dims out = dims;
  out.insert(out.begin() + axis, count);
  Tensor to = Tensor::allocate(type, out, budget);
  for (std::int64_t k = 0; k < count; ++k) {
    const Tensor& from = slices[static_cast<std::size_t>(reverse ? count - 1 - k : k)];
    if (!(from.dims() == dims)) {
      fail(ErrorCode::kInvalidArgument, "an iteration gave a slice of shape {}, the first one {}", to_string(from.dims()), to_string(dims));
    }
    for (std::int64_t o = 0; o < outer; ++o) {
      const std::int64_t at = (o * count + k) * inner;
      if (type == ElementType::kString) {
        std::copy_n(from.data<std::string>() + o * inner, inner, to.data<std::string>() + at);
      } else if (is_sub_byte(type)) {
        for (std::int64_t i = 0; i < inner; ++i) store_element(to, at + i, element_as_f64(from, o * inner + i));
      } else {
        const std::size_t bytes = element_bytes(type, inner);
        if (bytes > 0) {
          std::memcpy(static_cast<char*>(to.raw()) + element_bytes(type, at), static_cast<const char*>(from.raw()) + element_bytes(type, o * inner), bytes);
        }
      }
    }
  }
  return to;
}

bool scalar_bool(const Datum& value) {
  const Tensor& t = value.tensor();
  ORIEL_REQUIRE(t.type() == ElementType::kBool && t.size() == 1, "a condition is {}, expected one bool", t.description());
  return element_as_i64(t, 0) != 0;
}

}  // namespace

CompiledGraph::CompiledGraph(std::shared_ptr<const Graph> graph, const std::vector<Candidate>& candidates)
    : graph_(std::move(graph)), partition_(partition_graph(*graph_, candidates)) {
  std::unordered_map<const Value*, int> slots;
  const auto slot = [&](const Value* v) {
    if (v == nullptr) return -1;
    const auto [at, added] = slots.emplace(v, slot_count_);
    if (added) {
      ++slot_count_;
      constants_.emplace_back();
      if (v->is_constant()) constants_.back() = *v->constant();
    }
    return at->second;
  };
  for (const Value* v : graph_->inputs()) input_slots_.push_back(slot(v));
  for (const Part& part : partition_.parts) {
    auto compiled = std::make_unique<CompiledPart>();
    if (part.candidate >= 0) {
      const Candidate& c = candidates[static_cast<std::size_t>(part.candidate)];
      compiled->provider = c.provider;
      compiled->device = c.device->name();
      for (const Value* v : part.subgraph.inputs) compiled->inputs.push_back(slot(v));
      for (const Value* v : part.subgraph.outputs) compiled->outputs.push_back(slot(v));
      compiled->executable = c.device->compile(part.subgraph, c.options);
    } else {
      compiled->node = part.control_flow;
      for (const Value* v : part.control_flow->inputs()) compiled->inputs.push_back(slot(v));
      for (const Value* v : part.control_flow->outputs()) compiled->outputs.push_back(slot(v));
      for (const char* name : {"then_branch", "else_branch", "body"}) {
        if (part.control_flow->attributes().has(name)) {
          compiled->bodies.push_back(std::make_unique<CompiledGraph>(part.control_flow->attributes().get_graph(name), candidates));
        }
      }
    }
    parts_.push_back(std::move(compiled));
  }
  for (const Value* v : graph_->outputs()) output_slots_.push_back(slot(v));
}

CompiledGraph::~CompiledGraph() = default;

std::unique_ptr<CompiledGraph::State> CompiledGraph::take_state() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<State> state = std::move(idle_.back());
      idle_.pop_back();
      return state;
    }
  }
  auto state = std::make_unique<State>();
  state->slots = constants_;
  state->results.resize(parts_.size());
  std::size_t widest = 0;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    state->results[p].resize(parts_[p]->outputs.size());
    widest = std::max(widest, parts_[p]->inputs.size());
  }
  state->operands.resize(widest);
  return state;
}

void CompiledGraph::give_state(std::unique_ptr<State> state) {
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(state));
}

void CompiledGraph::bind_outputs(const CompiledPart& part, const State& state, RunContext& context) const {
  for (std::size_t i = 0; i < part.outputs.size(); ++i) {
    const Datum& d = state.slots[static_cast<std::size_t>(part.outputs[i])];
    if (d.is_tensor()) bind_symbols(part.node->output(i)->shape(), d.tensor().dims(), context.symbols);
  }
}

Status CompiledGraph::run(std::span<const Datum* const> inputs, std::span<Datum> outputs, RunContext& context) {
  std::unique_ptr<State> state = take_state();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Datum& slot = state->slots[static_cast<std::size_t>(input_slots_[i])];
    slot = *inputs[i];
    if (slot.is_tensor()) bind_symbols(graph_->inputs()[i]->shape(), slot.tensor().dims(), context.symbols);
  }
  Status status;
  for (std::size_t p = 0; p < parts_.size() && status.ok(); ++p) {
    CompiledPart& part = *parts_[p];
    std::vector<Datum>& results = state->results[p];
    if (part.executable) {
      for (std::size_t i = 0; i < part.inputs.size(); ++i) state->operands[i] = &state->slots[static_cast<std::size_t>(part.inputs[i])];
      for (std::size_t i = 0; i < part.outputs.size(); ++i) {
        for (std::size_t o = 0; o < output_slots_.size(); ++o) {
          if (output_slots_[o] == part.outputs[i]) results[i] = outputs[o];
        }
      }
      status = part.executable->submit({state->operands.data(), part.inputs.size()}, results, context);
      for (std::size_t i = 0; i < part.outputs.size() && status.ok(); ++i) state->slots[static_cast<std::size_t>(part.outputs[i])] = results[i];
      continue;
    }
    try {
      if (part.node->op().name == "If") {
        status = run_if(part, *state, context);
      } else if (part.node->op().name == "Loop") {
        status = run_loop(part, *state, context);
      } else {
        status = run_scan(part, *state, context);
      }
      if (status.ok()) bind_outputs(part, *state, context);
    } catch (const Error& error) {
      status = error.code() == ErrorCode::kCancelled ? Status(error) : Status(error.code(), part.node->describe(error.what()));
    }
  }
  if (status.ok()) {
    for (std::size_t o = 0; o < output_slots_.size(); ++o) {
      const auto s = static_cast<std::size_t>(output_slots_[o]);
      const Value* v = graph_->outputs()[o];
      // What belongs to the caller or to the model is not handed out: the caller may change either.
      const bool shared = v->is_constant() || v->producer() == nullptr ||
                          std::find(output_slots_.begin(), output_slots_.begin() + static_cast<std::ptrdiff_t>(o), output_slots_[o]) !=
                              output_slots_.begin() + static_cast<std::ptrdiff_t>(o);
      Datum& to = outputs[o];
      const Datum& from = state->slots[s];
      if (!shared) {
        to = from;
      } else if (from.is_tensor() && to.is_tensor() && to.tensor().type() == from.tensor().type() && to.tensor().dims() == from.tensor().dims() &&
                 from.tensor().type() != ElementType::kString) {
        if (from.tensor().size() > 0) std::memcpy(to.tensor().raw(), from.tensor().raw(), from.tensor().bytes());
      } else {
        to = owned(from, context.budget);
      }
    }
  }
  for (const int s : input_slots_) state->slots[static_cast<std::size_t>(s)].reset();
  for (const int s : output_slots_) state->slots[static_cast<std::size_t>(s)] = constants_[static_cast<std::size_t>(s)];
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    for (std::size_t i = 0; i < parts_[p]->outputs.size(); ++i) {
      const int s = parts_[p]->outputs[i];
      const bool given = std::find(output_slots_.begin(), output_slots_.end(), s) != output_slots_.end();
      if (given || parts_[p]->node != nullptr) state->results[p][i].reset();
    }
  }
  give_state(std::move(state));
  return status;
}

Status CompiledGraph::run_if(CompiledPart& part, State& state, RunContext& context) {
  const bool condition = scalar_bool(state.slots[static_cast<std::size_t>(part.inputs[0])]);
  CompiledGraph& branch = *part.bodies[condition ? 0 : 1];
  std::vector<const Datum*> captures;
  for (std::size_t i = 1; i < part.inputs.size(); ++i) captures.push_back(&state.slots[static_cast<std::size_t>(part.inputs[i])]);
  std::vector<Datum> outputs(part.outputs.size());
  Status status = branch.run(captures, outputs, context);
  if (!status.ok()) return status;
  for (std::size_t i = 0; i < outputs.size(); ++i) state.slots[static_cast<std::size_t>(part.outputs[i])] = std::move(outputs[i]);
  return status;
}

Status CompiledGraph::run_loop(CompiledPart& part, State& state, RunContext& context) {
  CompiledGraph& body = *part.bodies[0];
  const auto carried = static_cast<std::size_t>(part.node->attributes().get_int("carried"));
  const auto operand = [&](std::size_t i) -> const Datum* {
    return i < part.inputs.size() && part.inputs[i] >= 0 ? &state.slots[static_cast<std::size_t>(part.inputs[i])] : nullptr;
  };
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  if (const Datum* m = operand(0); m != nullptr && !m->empty()) {
    ORIEL_REQUIRE(m->tensor().size() == 1, "the trip count is {}, expected one number", m->tensor().description());
    limit = element_as_i64(m->tensor(), 0);
  }
  bool go_on = true;
  if (const Datum* c = operand(1); c != nullptr && !c->empty()) go_on = scalar_bool(*c);

  const std::size_t scans = part.outputs.size() - carried;
  std::vector<Datum> values(carried);
  for (std::size_t i = 0; i < carried; ++i) {
    const Datum* initial = operand(i + 2);
    if (initial != nullptr) values[i] = *initial;
  }
  // Two sets of results in turn: one is read while the other is written.
  std::vector<Datum> results[2] = {std::vector<Datum>(body.graph().outputs().size()), std::vector<Datum>(body.graph().outputs().size())};
  std::vector<std::vector<Tensor>> slices(scans);
  std::vector<const Datum*> operands(body.graph().inputs().size());
  bool iterated = false;
  for (std::int64_t i = 0; i < limit && go_on; ++i) {
    context.check();
    const Datum number = Tensor::scalar<std::int64_t>(i);
    const Datum condition = Tensor::scalar<bool>(go_on);
    operands[0] = &number;
    operands[1] = &condition;
    for (std::size_t v = 0; v < carried; ++v) operands[v + 2] = &values[v];
    for (std::size_t v = carried + 2; v < operands.size(); ++v) operands[v] = operand(v);
    std::vector<Datum>& made = results[i & 1];
    for (std::size_t v = carried + 1; v < made.size(); ++v) made[v].reset();
    Status status = body.run(operands, made, context);
    if (!status.ok()) return status;
    go_on = scalar_bool(made[0]);
    for (std::size_t v = 0; v < carried; ++v) values[v] = made[v + 1];
    for (std::size_t v = 0; v < scans; ++v) slices[v].push_back(made[carried + 1 + v].tensor());
    iterated = true;
  }
  for (std::size_t v = 0; v < carried; ++v) {
    state.slots[static_cast<std::size_t>(part.outputs[v])] = iterated ? values[v] : owned(values[v], context.budget);
  }
  for (std::size_t v = 0; v < scans; ++v) {
    const Value* out = part.node->output(carried + v);
    state.slots[static_cast<std::size_t>(part.outputs[carried + v])] = stack(slices[v], 0, out->element(), out->shape(), false, context.budget);
  }
  return {};
}

Status CompiledGraph::run_scan(CompiledPart& part, State& state, RunContext& context) {
  CompiledGraph& body = *part.bodies[0];
  const Attributes& attributes = part.node->attributes();
  const auto states = static_cast<std::size_t>(attributes.get_int("num_states"));
  const auto scans = static_cast<std::size_t>(attributes.get_int("num_scan_inputs"));
  const std::size_t stacked = part.outputs.size() - states;
  const auto at = [&](const char* name, std::size_t i) {
    const std::vector<std::int64_t> list = attributes.get_ints(name, {});
    return i < list.size() ? list[i] : 0;
  };
  const auto operand = [&](std::size_t i) -> const Datum& { return state.slots[static_cast<std::size_t>(part.inputs[i])]; };
  std::vector<std::int64_t> axes(scans);
  std::int64_t length = -1;
  for (std::size_t i = 0; i < scans; ++i) {
    const Tensor& t = operand(states + i).tensor();
    axes[i] = normalize_axis(at("scan_input_axes", i), t.rank());
    const std::int64_t extent = t.dim(static_cast<std::size_t>(axes[i]));
    ORIEL_REQUIRE(length < 0 || length == extent, "scan input {} has the length {}, expected {}", i, extent, length);
    length = extent;
  }
  std::vector<Datum> values(states);
  for (std::size_t i = 0; i < states; ++i) values[i] = operand(i);
  std::vector<Datum> results[2] = {std::vector<Datum>(part.outputs.size()), std::vector<Datum>(part.outputs.size())};
  std::vector<std::vector<Tensor>> slices(stacked);
  std::vector<Datum> pieces(scans);
  std::vector<const Datum*> operands(body.graph().inputs().size());
  for (std::int64_t k = 0; k < length; ++k) {
    context.check();
    for (std::size_t i = 0; i < scans; ++i) {
      const std::int64_t index = at("scan_input_directions", i) != 0 ? length - 1 - k : k;
      pieces[i] = slice(operand(states + i).tensor(), axes[i], index, context.budget);
    }
    for (std::size_t i = 0; i < operands.size(); ++i) {
      operands[i] = i < states ? &values[i] : i < states + scans ? &pieces[i - states] : &operand(i);
    }
    std::vector<Datum>& made = results[k & 1];
    for (std::size_t i = states; i < made.size(); ++i) made[i].reset();
    Status status = body.run(operands, made, context);
    if (!status.ok()) return status;
    for (std::size_t i = 0; i < states; ++i) values[i] = made[i];
    for (std::size_t i = 0; i < stacked; ++i) slices[i].push_back(made[states + i].tensor());
  }
  for (std::size_t i = 0; i < states; ++i) {
    state.slots[static_cast<std::size_t>(part.outputs[i])] = length > 0 ? values[i] : owned(values[i], context.budget);
  }
  for (std::size_t i = 0; i < stacked; ++i) {
    const Value* out = part.node->output(states + i);
    const std::size_t rank = slices[i].empty() ? (out->shape().is_ranked() ? out->shape().rank() : 1) : slices[i][0].rank() + 1;
    state.slots[static_cast<std::size_t>(part.outputs[states + i])] =
        stack(slices[i], normalize_axis(at("scan_output_axes", i), rank), out->element(), out->shape(), at("scan_output_directions", i) != 0,
              context.budget);
  }
  return {};
}

std::vector<CompiledPartInfo> CompiledGraph::describe() const {
  std::vector<CompiledPartInfo> list;
  std::unordered_map<const Node*, std::size_t> position;
  for (std::size_t i = 0; i < graph_->nodes().size(); ++i) position.emplace(graph_->nodes()[i], i);
  for (const auto& part : parts_) {
    CompiledPartInfo info;
    info.provider = part->provider;
    info.device = part->device;
    info.graph = graph_.get();
    for (const Node* node : partition_.parts[list.size()].subgraph.nodes) {
      const std::vector<Decline>& declines = partition_.declines[position.at(node)];
      if (!declines.empty()) info.declined.push_back({node->op().full_name(), node->name(), node->origins(), declines});
    }
    if (part->executable) {
      info.executable = part->executable->describe();
      info.handle = part->executable.get();
    } else {
      info.op = part->node->op().full_name();
      info.name = part->node->name();
      for (const auto& body : part->bodies) info.bodies.push_back(body->describe());
    }
    list.push_back(std::move(info));
  }
  return list;
}

std::string CompiledGraph::dump() const {
  std::string text;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const CompiledPart& part = *parts_[p];
    if (part.executable) {
      text += formatted("part {}: {} on {}\n{}", p, part.provider, part.device, part.executable->dump());
      continue;
    }
    text += formatted("part {}: {} (node \"{}\") in the executor\n", p, part.node->op().full_name(), part.node->name());
    for (std::size_t b = 0; b < part.bodies.size(); ++b) {
      text += formatted("  body {}:\n{}", b, indented(part.bodies[b]->dump(), 4));
    }
  }
  return text;
}

}  // namespace oriel
