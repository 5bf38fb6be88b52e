// Running parts in order, and the executor of If, Loop and Scan.
#include "runtime/compiled_graph.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/text.h"
#include "ir/alignment.h"
#include "runtime/work.h"

namespace oriel {

struct CompiledGraph::CompiledPart {
  std::string provider;
  std::string device;
  std::unique_ptr<Executable> executable;
  std::vector<int> inputs;  // slots; of control flow: its operands, -1 where absent
  std::vector<int> outputs;
  std::vector<int> results;  // by output: the graph output that it becomes, -1: none
  const Node* node = nullptr;
  enum class Kind { kExecutable, kIf, kLoop, kScan } kind = Kind::kExecutable;
  std::vector<std::unique_ptr<CompiledGraph>> bodies;
};

// Slices put together along a new first axis as they come.
class CompiledGraph::Rows {
 public:
  void start() {
    count_ = 0;
    if (memory_.use_count() > 1) memory_.reset();
  }
  // There will be `most` slices, or up to as many where not `exact`.
  void append(const Tensor& slice, std::int64_t most, bool exact, const std::shared_ptr<Budget>& budget) {
    if (count_ == 0) {
      type_ = slice.type();
      dims_ = slice.dims();
    } else if (!(slice.dims() == dims_)) {
      fail(ErrorCode::kInvalidArgument, "an iteration gave a slice of shape {}, the first one {}",
           to_string(slice.dims()), to_string(dims_));
    }
    const std::size_t bytes = slice.bytes();
    const auto count = static_cast<std::size_t>(count_);
    if (!memory_ || memory_->size() < (count + 1) * bytes) {
      constexpr std::size_t kLeast = 4096;
      const std::size_t rows = bytes == 0 || exact
                                   ? static_cast<std::size_t>(most)
                                   : std::min(static_cast<std::size_t>(most), std::max(2 * count, kLeast / bytes + 1));
      std::shared_ptr<Memory> larger = allocate_host(rows * bytes, budget);
      if (count * bytes > 0) std::memcpy(larger->map(), memory_->map(), count * bytes);
      memory_ = std::move(larger);
    }
    if (bytes > 0) std::memcpy(static_cast<char*>(memory_->map()) + count * bytes, slice.raw(), bytes);
    ++count_;
  }
  bool empty() const { return count_ == 0; }
  Tensor tensor() const {
    Dims dims = dims_;
    dims.insert(dims.begin(), count_);
    return Tensor(type_, dims, memory_);
  }

 private:
  ElementType type_ = ElementType::kUndefined;
  Dims dims_;
  std::int64_t count_ = 0;
  std::shared_ptr<Memory> memory_;
};

// What a control-flow node works with; kept between runs so that its memory is used again.
struct CompiledGraph::Flow {
  std::vector<Datum> results[2];   // of the two branches; of iterations in turn: one is read while the other is written
  std::vector<Datum> values;       // carried from one iteration to the next
  std::vector<Datum> pieces;       // slices of scan inputs
  std::vector<std::int64_t> axes;  // of scan inputs
  std::vector<Rows> rows;          // by scan output, where its slices are put together as they come
  std::vector<std::vector<Tensor>> slices;  // by scan output, where they have to wait for each other
  std::vector<const Datum*> operands;
  Datum number;
  Datum condition;
};

struct CompiledGraph::State {
  std::vector<Datum> slots;
  std::vector<const Datum*> operands;
  std::vector<std::vector<Datum>> results;  // by part: outputs, kept so that their memory is used again
  std::vector<Flow> flows;                  // by part
};

namespace {

// Forgets what somebody else holds as well, so that it is not written to.
void keep_own(std::vector<Datum>& kept) {
  for (Datum& d : kept) {
    if (!d.is_tensor() || d.tensor().memory().use_count() > 1) d.reset();
  }
}

// One element, written into the tensor that is there.
template <typename T>
void set_scalar(Datum& to, T value) {
  if (!to.is_tensor()) to = Tensor::scalar(value);
  *to.tensor().data<T>() = value;
}

// Whether slices of this type can lie one behind another as bytes.
bool stacks_as_bytes(ElementType type) { return type != ElementType::kString && !is_sub_byte(type); }

bool same_form(const Datum& a, const Datum& b) {
  return a.is_tensor() && b.is_tensor() && a.tensor().type() == b.tensor().type() &&
         a.tensor().dims() == b.tensor().dims() && a.tensor().type() != ElementType::kString;
}

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
      for (std::int64_t i = 0; i < inner; ++i)
        store_element(to, o * inner + i, element_as_f64(from, (o * extent + index) * inner + i));
    } else {
      const std::size_t bytes = element_bytes(from.type(), inner);
      std::memcpy(static_cast<char*>(to.raw()) + o * static_cast<std::int64_t>(bytes),
                  static_cast<const char*>(from.raw()) + (o * extent + index) * static_cast<std::int64_t>(bytes),
                  bytes);
    }
  }
  return to;
}

// The dimensions that output `index` of a body would have in a first iteration, as far as they follow from those of its
// operands; 0 elsewhere.
Dims first_dims(const Graph& body, const std::vector<Dims>& operands, std::size_t index) {
  Dims dims;
  if (!body.outputs()[index]->shape().is_ranked()) return dims;
  const Bindings symbols = bind_inputs(body, operands);
  for (const Dim& d : body.outputs()[index]->shape().dims())
    dims.push_back(std::max<std::int64_t>(0, d.evaluate(symbols)));
  return dims;
}

Dims dims_of(const Datum* value) { return value != nullptr && value->is_tensor() ? value->tensor().dims() : Dims(); }

// Slices put together along a new axis; `empty` are the dimensions of one where there is none.
Tensor stack(const std::vector<Tensor>& slices, std::int64_t axis, ElementType type, const Dims& empty, bool reverse,
             const std::shared_ptr<Budget>& budget) {
  const auto count = static_cast<std::int64_t>(slices.size());
  const Dims dims = slices.empty() ? empty : slices[0].dims();
  std::int64_t outer = 1;
  std::int64_t inner = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) (static_cast<std::int64_t>(d) < axis ? outer : inner) *= dims[d];
  Dims out = dims;
  out.insert(out.begin() + axis, count);
  Tensor to = Tensor::allocate(type, out, budget);
  for (std::int64_t k = 0; k < count; ++k) {
    const Tensor& from = slices[static_cast<std::size_t>(reverse ? count - 1 - k : k)];
    if (!(from.dims() == dims)) {
      fail(ErrorCode::kInvalidArgument, "an iteration gave a slice of shape {}, the first one {}",
           to_string(from.dims()), to_string(dims));
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
          std::memcpy(static_cast<char*>(to.raw()) + element_bytes(type, at),
                      static_cast<const char*>(from.raw()) + element_bytes(type, o * inner), bytes);
        }
      }
    }
  }
  return to;
}

bool scalar_bool(const Datum& value) {
  const Tensor& t = value.tensor();
  ORIEL_REQUIRE(t.type() == ElementType::kBool && t.size() == 1, "a condition is {}, expected one bool",
                t.description());
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
      if (v->is_constant()) constants_.back() = aligned(*v->constant());
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
      const std::string& op = part.control_flow->op().name;
      compiled->kind = op == "If"     ? CompiledPart::Kind::kIf
                       : op == "Loop" ? CompiledPart::Kind::kLoop
                                      : CompiledPart::Kind::kScan;
      for (const Value* v : part.control_flow->inputs()) compiled->inputs.push_back(slot(v));
      for (const Value* v : part.control_flow->outputs()) compiled->outputs.push_back(slot(v));
      for (const char* name : {"then_branch", "else_branch", "body"}) {
        if (part.control_flow->attributes().has(name)) {
          compiled->bodies.push_back(
              std::make_unique<CompiledGraph>(part.control_flow->attributes().get_graph(name), candidates));
        }
      }
    }
    parts_.push_back(std::move(compiled));
  }
  for (const Value* v : graph_->outputs()) output_slots_.push_back(slot(v));
  for (const auto& part : parts_) {
    for (const int s : part->outputs) {
      const auto last = std::find(output_slots_.rbegin(), output_slots_.rend(), s);
      part->results.push_back(static_cast<int>(output_slots_.rend() - last) - 1);
    }
  }
  direct_ = parts_.size() == 1 && parts_[0]->executable && parts_[0]->outputs == output_slots_ &&
            std::all_of(parts_[0]->inputs.begin(), parts_[0]->inputs.end(), [&](int s) {
              const auto at = std::find(input_slots_.begin(), input_slots_.end(), s);
              if (at != input_slots_.end()) direct_inputs_.push_back(static_cast<int>(at - input_slots_.begin()));
              return at != input_slots_.end();
            });
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
  state->flows.resize(parts_.size());
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
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i]->is_tensor()) bind_symbols(graph_->inputs()[i]->shape(), inputs[i]->tensor().dims(), context.symbols);
  }
  if (direct_) {
    SmallVector<const Datum*, 128> operands;
    for (const int i : direct_inputs_) operands.push_back(inputs[static_cast<std::size_t>(i)]);
    return parts_[0]->executable->submit({operands.data(), operands.size()}, outputs, context);
  }
  std::unique_ptr<State> state = take_state();
  for (std::size_t i = 0; i < inputs.size(); ++i) state->slots[static_cast<std::size_t>(input_slots_[i])] = *inputs[i];
  Status status;
  for (std::size_t p = 0; p < parts_.size() && status.ok(); ++p) {
    CompiledPart& part = *parts_[p];
    if (part.executable) {
      std::vector<Datum>& results = state->results[p];
      for (std::size_t i = 0; i < part.inputs.size(); ++i)
        state->operands[i] = &state->slots[static_cast<std::size_t>(part.inputs[i])];
      for (std::size_t i = 0; i < part.outputs.size(); ++i) {
        if (part.results[i] >= 0) results[i] = outputs[static_cast<std::size_t>(part.results[i])];
      }
      status = part.executable->submit({state->operands.data(), part.inputs.size()}, results, context);
      for (std::size_t i = 0; i < part.outputs.size() && status.ok(); ++i)
        state->slots[static_cast<std::size_t>(part.outputs[i])] = results[i];
      continue;
    }
    // What the last run left there would keep its memory from being used again.
    for (const int s : part.outputs) state->slots[static_cast<std::size_t>(s)].reset();
    try {
      switch (part.kind) {
        case CompiledPart::Kind::kIf:
          status = run_if(part, *state, state->flows[p], context);
          break;
        case CompiledPart::Kind::kLoop:
          status = run_loop(part, *state, state->flows[p], context);
          break;
        default:
          status = run_scan(part, *state, state->flows[p], context);
          break;
      }
      if (status.ok()) bind_outputs(part, *state, context);
    } catch (const Error& error) {
      status = error.code() == ErrorCode::kCancelled ? Status(error)
                                                     : Status(error.code(), part.node->describe(error.what()));
    }
  }
  if (status.ok()) {
    for (std::size_t o = 0; o < output_slots_.size(); ++o) {
      const auto s = static_cast<std::size_t>(output_slots_[o]);
      const Value* v = graph_->outputs()[o];
      // What belongs to the caller or to the model is not handed out: the caller may change either.
      const bool shared = v->is_constant() || v->producer() == nullptr ||
                          std::find(output_slots_.begin(), output_slots_.begin() + static_cast<std::ptrdiff_t>(o),
                                    output_slots_[o]) != output_slots_.begin() + static_cast<std::ptrdiff_t>(o);
      Datum& to = outputs[o];
      const Datum& from = state->slots[s];
      if (same_form(from, to)) {
        if (from.tensor().size() > 0 && to.tensor().raw() != from.tensor().raw())
          std::memcpy(to.tensor().raw(), from.tensor().raw(), from.tensor().bytes());
      } else {
        to = shared ? owned(from, context.budget) : from;
      }
    }
  }
  for (const int s : input_slots_) state->slots[static_cast<std::size_t>(s)].reset();
  for (const int s : output_slots_) state->slots[static_cast<std::size_t>(s)] = constants_[static_cast<std::size_t>(s)];
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    for (std::size_t i = 0; i < parts_[p]->outputs.size(); ++i) {
      if (parts_[p]->results[i] >= 0) state->results[p][i].reset();
    }
  }
  give_state(std::move(state));
  return status;
}

Status CompiledGraph::run_if(CompiledPart& part, State& state, Flow& flow, RunContext& context) {
  const std::size_t chosen = scalar_bool(state.slots[static_cast<std::size_t>(part.inputs[0])]) ? 0 : 1;
  flow.operands.clear();
  for (std::size_t i = 1; i < part.inputs.size(); ++i)
    flow.operands.push_back(&state.slots[static_cast<std::size_t>(part.inputs[i])]);
  std::vector<Datum>& results = flow.results[chosen];
  results.resize(part.outputs.size());
  keep_own(results);
  Status status = part.bodies[chosen]->run(flow.operands, results, context);
  for (std::size_t i = 0; i < results.size() && status.ok(); ++i)
    state.slots[static_cast<std::size_t>(part.outputs[i])] = results[i];
  return status;
}

Status CompiledGraph::run_loop(CompiledPart& part, State& state, Flow& flow, RunContext& context) {
  CompiledGraph& body = *part.bodies[0];
  const auto carried = static_cast<std::size_t>(part.node->attributes().get_int("carried"));
  const auto operand = [&](std::size_t i) -> const Datum* {
    return i < part.inputs.size() && part.inputs[i] >= 0 ? &state.slots[static_cast<std::size_t>(part.inputs[i])]
                                                         : nullptr;
  };
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  if (const Datum* m = operand(0); m != nullptr && !m->empty()) {
    ORIEL_REQUIRE(m->tensor().size() == 1, "the trip count is {}, expected one number", m->tensor().description());
    limit = element_as_i64(m->tensor(), 0);
  }
  bool go_on = true;
  if (const Datum* c = operand(1); c != nullptr && !c->empty()) go_on = scalar_bool(*c);

  const std::size_t scans = part.outputs.size() - carried;
  flow.values.assign(carried, Datum());
  for (std::size_t i = 0; i < carried; ++i) {
    const Datum* initial = operand(i + 2);
    if (initial != nullptr) flow.values[i] = *initial;
  }
  for (std::vector<Datum>& results : flow.results) {
    results.resize(body.graph().outputs().size());
    keep_own(results);
  }
  flow.slices.resize(scans);
  for (std::vector<Tensor>& list : flow.slices) list.clear();
  flow.rows.resize(scans);
  for (Rows& rows : flow.rows) rows.start();
  flow.operands.resize(body.graph().inputs().size());
  flow.operands[0] = &flow.number;
  flow.operands[1] = &flow.condition;
  for (std::size_t v = 0; v < carried; ++v) flow.operands[v + 2] = &flow.values[v];
  for (std::size_t v = carried + 2; v < flow.operands.size(); ++v) flow.operands[v] = operand(v);
  bool iterated = false;
  for (std::int64_t i = 0; i < limit && go_on; ++i) {
    context.check();
    set_scalar(flow.number, i);
    set_scalar(flow.condition, go_on);
    std::vector<Datum>& made = flow.results[i & 1];
    for (std::size_t v = carried + 1; v < made.size(); ++v) {
      if (made[v].is_tensor() && !stacks_as_bytes(made[v].tensor().type())) made[v].reset();
    }
    Status status = body.run(flow.operands, made, context);
    if (!status.ok()) return status;
    go_on = scalar_bool(made[0]);
    for (std::size_t v = 0; v < carried; ++v) flow.values[v] = made[v + 1];
    for (std::size_t v = 0; v < scans; ++v) {
      const Tensor& slice = made[carried + 1 + v].tensor();
      if (stacks_as_bytes(slice.type())) {
        flow.rows[v].append(slice, limit, false, context.budget);
      } else {
        flow.slices[v].push_back(slice);
      }
    }
    iterated = true;
  }
  std::vector<Dims> given;
  if (!iterated) {
    for (const Datum* value : flow.operands) given.push_back(dims_of(value));
  }
  for (std::size_t v = 0; v < scans; ++v) {
    const Value* out = part.node->output(carried + v);
    Datum& slot = state.slots[static_cast<std::size_t>(part.outputs[carried + v])];
    if (flow.rows[v].empty()) {
      const Dims empty = iterated ? Dims() : first_dims(body.graph(), given, carried + 1 + v);
      slot = stack(flow.slices[v], 0, out->element(), empty, false, context.budget);
    } else {
      slot = flow.rows[v].tensor();
    }
    flow.slices[v].clear();
  }
  for (std::size_t v = 0; v < carried; ++v) {
    state.slots[static_cast<std::size_t>(part.outputs[v])] =
        iterated ? flow.values[v] : owned(flow.values[v], context.budget);
    flow.values[v].reset();
  }
  return {};
}

Status CompiledGraph::run_scan(CompiledPart& part, State& state, Flow& flow, RunContext& context) {
  CompiledGraph& body = *part.bodies[0];
  const Attributes& attributes = part.node->attributes();
  const auto states = static_cast<std::size_t>(attributes.get_int("num_states"));
  const auto scans = static_cast<std::size_t>(attributes.get_int("num_scan_inputs"));
  const std::size_t stacked = part.outputs.size() - states;
  const auto at = [&](const char* name, std::size_t i) {
    if (!attributes.has(name)) return std::int64_t{0};
    const std::vector<std::int64_t>& list = attributes.get_ints(name);
    return i < list.size() ? list[i] : 0;
  };
  const auto operand = [&](std::size_t i) -> const Datum& {
    return state.slots[static_cast<std::size_t>(part.inputs[i])];
  };
  flow.axes.resize(scans);
  std::int64_t length = -1;
  for (std::size_t i = 0; i < scans; ++i) {
    const Tensor& t = operand(states + i).tensor();
    flow.axes[i] = normalize_axis(at("scan_input_axes", i), t.rank());
    const std::int64_t extent = t.dim(static_cast<std::size_t>(flow.axes[i]));
    ORIEL_REQUIRE(length < 0 || length == extent, "scan input {} has the length {}, expected {}", i, extent, length);
    length = extent;
  }
  flow.values.resize(states);
  for (std::size_t i = 0; i < states; ++i) flow.values[i] = operand(i);
  for (std::vector<Datum>& results : flow.results) {
    results.resize(part.outputs.size());
    keep_own(results);
  }
  flow.slices.resize(stacked);
  for (std::vector<Tensor>& list : flow.slices) list.clear();
  flow.rows.resize(stacked);
  for (Rows& rows : flow.rows) rows.start();
  // Along the first axis, forwards.
  const auto in_order = [&](std::size_t i) {
    return at("scan_output_axes", i) == 0 && at("scan_output_directions", i) == 0 &&
           stacks_as_bytes(part.node->output(states + i)->element());
  };
  flow.pieces.resize(scans);
  flow.operands.resize(body.graph().inputs().size());
  for (std::int64_t k = 0; k < length; ++k) {
    context.check();
    for (std::size_t i = 0; i < scans; ++i) {
      const std::int64_t index = at("scan_input_directions", i) != 0 ? length - 1 - k : k;
      flow.pieces[i] = slice(operand(states + i).tensor(), flow.axes[i], index, context.budget);
    }
    for (std::size_t i = 0; i < flow.operands.size(); ++i) {
      flow.operands[i] = i < states ? &flow.values[i] : i < states + scans ? &flow.pieces[i - states] : &operand(i);
    }
    std::vector<Datum>& made = flow.results[k & 1];
    for (std::size_t i = 0; i < stacked; ++i) {
      if (!in_order(i)) made[states + i].reset();
    }
    Status status = body.run(flow.operands, made, context);
    if (!status.ok()) return status;
    for (std::size_t i = 0; i < states; ++i) flow.values[i] = made[i];
    for (std::size_t i = 0; i < stacked; ++i) {
      const Tensor& slice = made[states + i].tensor();
      if (in_order(i)) {
        flow.rows[i].append(slice, length, true, context.budget);
      } else {
        flow.slices[i].push_back(slice);
      }
    }
  }
  std::vector<Dims> given;
  for (std::size_t i = 0; length == 0 && i < flow.operands.size(); ++i) {
    given.push_back(dims_of(i < states ? &flow.values[i] : &operand(i)));
    if (i >= states && i < states + scans) given.back().erase(given.back().begin() + flow.axes[i - states]);
  }
  for (std::size_t i = 0; i < states; ++i) {
    state.slots[static_cast<std::size_t>(part.outputs[i])] =
        length > 0 ? flow.values[i] : owned(flow.values[i], context.budget);
    flow.values[i].reset();
  }
  for (Datum& piece : flow.pieces) piece.reset();
  for (std::size_t i = 0; i < stacked; ++i) {
    const Value* out = part.node->output(states + i);
    if (!flow.rows[i].empty()) {
      state.slots[static_cast<std::size_t>(part.outputs[states + i])] = flow.rows[i].tensor();
      continue;
    }
    std::vector<Tensor>& slices = flow.slices[i];
    const Dims empty = length == 0 ? first_dims(body.graph(), given, states + i) : Dims();
    const std::size_t rank = (slices.empty() ? empty.size() : slices[0].rank()) + 1;
    state.slots[static_cast<std::size_t>(part.outputs[states + i])] =
        stack(slices, normalize_axis(at("scan_output_axes", i), rank), out->element(), empty,
              at("scan_output_directions", i) != 0, context.budget);
    slices.clear();
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
