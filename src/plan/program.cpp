// Lifetimes, arenas and the step loop.
#include "plan/program.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include "base/pages.h"

namespace oriel::plan {
namespace {

constexpr std::size_t kPlansPerRegion = 8;
constexpr int kForever = std::numeric_limits<int>::max();

std::size_t aligned(std::size_t bytes) { return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment; }

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool has_fixed_size(const ValueType& type) {
  if (!type.is_tensor() || type.element == ElementType::kString || !type.shape.is_ranked()) return false;
  return std::all_of(type.shape.dims().begin(), type.shape.dims().end(),
                     [](const Dim& d) { return d.has_expression(); });
}

}  // namespace

// What one run at a time uses; kept between runs so that the steady state allocates nothing.
struct Program::State {
  std::vector<Datum> slots;
  std::vector<std::list<Plan>> plans;  // by region, most recent first
  std::vector<int> arena_of;           // by region, -1 where it plans nothing; used by one region after the other
  std::vector<std::shared_ptr<Memory>> arenas;
  std::vector<std::vector<Tensor>> tensors;  // by region: planned tensors over the arena
  std::vector<const Plan*> active;           // by region: the plan that `tensors` was made from
  std::vector<const Datum*> operands;
  std::vector<std::size_t> arena_sizes;
  Bindings key;
  std::vector<std::shared_ptr<Memory>> blocks;  // of values that no arena holds

  // Memory for such a value: the smallest block that nobody uses and that is large enough, or a new one in the place of
  // the largest that nobody uses. So sizes settle, and runs of settled sizes draw none.
  const std::shared_ptr<Memory>& block(std::size_t bytes, const std::shared_ptr<Budget>& budget) {
    std::shared_ptr<Memory>* fitting = nullptr;
    std::shared_ptr<Memory>* small = nullptr;
    for (std::shared_ptr<Memory>& b : blocks) {
      if (b.use_count() > 1) continue;
      if (b->size() >= bytes) {
        if (fitting == nullptr || b->size() < (*fitting)->size()) fitting = &b;
      } else if (small == nullptr || b->size() > (*small)->size()) {
        small = &b;
      }
    }
    if (fitting != nullptr) return *fitting;
    if (small == nullptr) return blocks.emplace_back(allocate_host(bytes, budget));
    small->reset();
    std::shared_ptr<Memory> memory;
    try {
      memory = allocate_host(bytes, budget);
    } catch (...) {
      blocks.erase(blocks.begin() + (small - blocks.data()));
      throw;
    }
    *small = std::move(memory);
    return *small;
  }
};

class Program::Sink final : public OutputSink {
 public:
  Sink(Program& program, State& state, std::span<Datum> outputs, RunContext& context)
      : program_(program), state_(state), outputs_(outputs), context_(context) {}
  void enter(const ProgramStep& step, int region) {
    step_ = &step;
    region_ = region;
  }

  std::size_t size() const override { return step_->outputs.size(); }
  bool wanted(std::size_t i) const override { return i < step_->outputs.size() && step_->outputs[i] >= 0; }

  Tensor& allocate(std::size_t i, ElementType type, const Dims& dims) override {
    if (!wanted(i)) {
      unwanted_ = Tensor::allocate(type, dims, context_.budget);
      return unwanted_;
    }
    const auto v = static_cast<std::size_t>(step_->outputs[i]);
    Datum& slot = state_.slots[v];
    const ProgramValue& value = program_.values_[v];
    if (value.type.is_tensor() && (value.type.element != type || !value.type.shape.contains(dims))) {
      fail(ErrorCode::kRuntimeException, "output {} was inferred as {} but computed as {}{}", i, value.type.to_string(),
           element_name(type), to_string(dims));
    }
    const int region = program_.region_of_[v];
    if (region >= 0) {
      Tensor& planned =
          state_.tensors[static_cast<std::size_t>(region)][static_cast<std::size_t>(program_.position_[v])];
      if (!(planned.dims() == dims)) {
        fail(ErrorCode::kRuntimeException, "output {} was planned as {} but computed as {}", i,
             to_string(planned.dims()), to_string(dims));
      }
      slot = planned;
      return slot.tensor();
    }
    if (const int from = program_.in_place_[v]; from >= 0) {
      const Datum& source = state_.slots[static_cast<std::size_t>(from)];
      if (source.is_tensor() && source.tensor().type() == type && source.tensor().dims() == dims) {
        slot = source;
        return slot.tensor();
      }
    }
    if (type == ElementType::kString) {
      slot = Tensor::allocate(type, dims, context_.budget);
      return slot.tensor();
    }
    const int output = program_.output_of_[v];
    const std::int64_t elements = count_elements(value.storage == nullptr ? dims : value.storage(dims));
    bool bound = false;
    if (output >= 0 && outputs_[static_cast<std::size_t>(output)].is_tensor()) {
      const Tensor& into = outputs_[static_cast<std::size_t>(output)].tensor();
      bound = into.type() == type && into.size() == elements;
      // Blocked memory is aligned; the caller's may not be, and then gets a copy.
      if (bound && (value.storage == nullptr || reinterpret_cast<std::uintptr_t>(into.raw()) % kMemoryAlignment == 0)) {
        slot = Tensor(type, dims, into.memory(), into.byte_offset());
        return slot.tensor();
      }
    }
    const std::size_t bytes = element_bytes(type, elements);
    slot = Tensor(type, dims,
                  output >= 0 && !bound ? allocate_host(bytes, context_.budget) : state_.block(bytes, context_.budget));
    return slot.tensor();
  }

  void set(std::size_t i, Datum datum) override {
    if (!wanted(i)) return;
    const auto v = static_cast<std::size_t>(step_->outputs[i]);
    // A tensor that is no declared view gets memory of its own: its source may be reused before it is read.
    if (datum.is_tensor() && (program_.root_[v] == static_cast<int>(v) || program_.in_place_[v] >= 0)) {
      const Tensor& from = datum.tensor();
      Tensor& to = allocate(i, from.type(), from.dims());
      if (to.type() == ElementType::kString) {
        std::copy_n(from.data<std::string>(), from.size(), to.data<std::string>());
      } else if (from.size() > 0) {
        std::memmove(to.raw(), from.raw(), from.bytes());
      }
      return;
    }
    state_.slots[v] = std::move(datum);
  }

 private:
  Program& program_;
  State& state_;
  std::span<Datum> outputs_;
  RunContext& context_;
  const ProgramStep* step_ = nullptr;
  int region_ = 0;
  Tensor unwanted_;
};

Program::Program(std::shared_ptr<const SymbolTable> symbols) : symbols_(std::move(symbols)) {}

Program::~Program() = default;

int Program::add_value(ProgramValue value) {
  values_.push_back(std::move(value));
  return static_cast<int>(values_.size()) - 1;
}

void Program::add_step(ProgramStep step) { steps_.push_back(std::move(step)); }

void Program::share_in_place(const std::vector<bool>& made, const std::vector<bool>& leaves,
                             const std::vector<int>& last_read) {
  const std::size_t n = values_.size();
  std::vector<int> last(n, -1);
  std::vector<bool> leaf(n, false);
  for (std::size_t v = 0; v < n; ++v) {
    const auto r = static_cast<std::size_t>(root_[v]);
    last[r] = std::max(last[r], last_read[v]);
    if (leaves[v]) leaf[r] = true;
  }
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const ProgramStep& step = steps_[s];
    if (step.outputs.empty() || step.outputs[0] < 0) continue;
    const auto out = static_cast<std::size_t>(step.outputs[0]);
    for (const int j : step.in_place) {
      const int from = step.inputs[static_cast<std::size_t>(j)];
      if (from < 0 || in_place_[out] >= 0) continue;
      const auto r = static_cast<std::size_t>(root_[static_cast<std::size_t>(from)]);
      const ProgramValue& a = values_[static_cast<std::size_t>(from)];
      const ProgramValue& b = values_[out];
      if (!made[r] || leaf[r] || last[r] != static_cast<int>(s) || !has_fixed_size(a.type) || !has_fixed_size(b.type))
        continue;
      if (a.type.element != b.type.element || !a.type.shape.same(b.type.shape)) continue;
      if (a.storage != b.storage) continue;
      const auto shares = [&](std::size_t i) {
        const int v = step.inputs[i];
        return v >= 0 && root_[static_cast<std::size_t>(v)] == static_cast<int>(r) &&
               std::find(step.in_place.begin(), step.in_place.end(), static_cast<int>(i)) == step.in_place.end();
      };
      bool shared = false;
      for (std::size_t i = 0; i < step.inputs.size(); ++i) shared = shared || shares(i);
      if (shared) continue;
      in_place_[out] = from;
      for (std::size_t v = 0; v < n; ++v) {
        if (root_[v] != static_cast<int>(out)) continue;
        root_[v] = static_cast<int>(r);
        last[r] = std::max(last[r], last_read[v]);
        if (leaves[v]) leaf[r] = true;
      }
    }
  }
}

void Program::finish() {
  const std::size_t n = values_.size();
  root_.resize(n);
  std::iota(root_.begin(), root_.end(), 0);
  first_step_.assign(n, -1);
  last_step_.assign(n, -1);
  region_of_.assign(n, -1);
  position_.assign(n, -1);
  in_place_.assign(n, -1);
  output_of_.assign(n, -1);
  std::vector<bool> made(n, false);
  std::vector<int> last_read(n, -1);

  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const ProgramStep& step = steps_[s];
    for (const int v : step.inputs) {
      if (v >= 0) last_read[static_cast<std::size_t>(v)] = static_cast<int>(s);
    }
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      const int v = step.outputs[i];
      if (v < 0) continue;
      made[static_cast<std::size_t>(v)] = true;
      first_step_[static_cast<std::size_t>(v)] = static_cast<int>(s);
      if (i == 0 && step.view && step.inputs[0] >= 0 && values_[static_cast<std::size_t>(v)].type.is_tensor()) {
        root_[static_cast<std::size_t>(v)] = root_[static_cast<std::size_t>(step.inputs[0])];
      }
    }
  }
  std::vector<bool> leaves(n, false);
  for (const int v : outputs_) leaves[static_cast<std::size_t>(v)] = true;
  share_in_place(made, leaves, last_read);
  for (std::size_t o = 0; o < outputs_.size(); ++o) {
    const auto r = static_cast<std::size_t>(root_[static_cast<std::size_t>(outputs_[o])]);
    if (made[r] && output_of_[r] < 0) output_of_[r] = static_cast<int>(o);
  }
  for (std::size_t v = 0; v < n; ++v) {
    const auto r = static_cast<std::size_t>(root_[v]);
    last_step_[r] = std::max({last_step_[r], last_read[v], first_step_[v]});
    if (leaves[v]) last_step_[r] = kForever;
  }

  // A region ends after a step that fixes symbols which nothing before it could know.
  std::vector<bool> known(symbols_->size(), false);
  const auto learn = [&](const ProgramValue& value) {
    bool fresh = false;
    if (!value.type.is_tensor() || !value.type.shape.is_ranked()) return false;
    for (const Dim& d : value.type.shape.dims()) {
      const SymbolId id = d.symbol();
      if (id >= 0 && !symbols_->is_derived(id) && !known[static_cast<std::size_t>(id)]) {
        known[static_cast<std::size_t>(id)] = true;
        fresh = true;
      }
    }
    return fresh;
  };
  for (const int v : inputs_) learn(values_[static_cast<std::size_t>(v)]);
  std::vector<bool> made_by_step(symbols_->size(), false);
  for (const ProgramStep& step : steps_) {
    for (const int v : step.outputs) {
      if (v < 0) continue;
      const ValueType& type = values_[static_cast<std::size_t>(v)].type;
      if (!type.is_tensor() || !type.shape.is_ranked()) continue;
      for (const Dim& d : type.shape.dims()) {
        const SymbolId id = d.symbol();
        if (id >= 0 && symbols_->symbol(id).kind == SymbolTable::Kind::kFresh && !known[static_cast<std::size_t>(id)]) {
          made_by_step[static_cast<std::size_t>(id)] = true;
        }
      }
    }
  }
  const auto knowable = [&](const ProgramValue& value) {
    std::vector<SymbolId> ids;
    for (const Dim& d : value.type.shape.dims()) symbols_->collect(d, ids);
    return std::all_of(ids.begin(), ids.end(), [&](SymbolId id) {
      return symbols_->is_derived(id) || !made_by_step[static_cast<std::size_t>(id)] ||
             known[static_cast<std::size_t>(id)];
    });
  };
  regions_.clear();
  regions_.push_back({});
  std::size_t pending = 0;
  const auto plan_steps = [&](std::size_t end) {
    Region& region = regions_.back();
    region.last_step = static_cast<int>(end);
    for (std::size_t s = pending; s < end; ++s) {
      for (const int v : steps_[s].outputs) {
        if (v < 0) continue;
        const auto i = static_cast<std::size_t>(v);
        if (!has_fixed_size(values_[i].type) || !knowable(values_[i])) continue;
        if (root_[i] != v || output_of_[i] >= 0) {
          // Not placed here, but steps may ask for its dimensions.
          for (const Dim& d : values_[i].type.shape.dims()) symbols_->collect(d, region.symbols);
          continue;
        }
        region_of_[i] = static_cast<int>(regions_.size()) - 1;
        position_[i] = static_cast<int>(region.planned.size());
        region.planned.push_back(v);
        for (const Dim& d : values_[i].type.shape.dims()) symbols_->collect(d, region.symbols);
      }
    }
    pending = end;
  };
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    bool fixes = false;
    for (const int v : steps_[s].outputs) {
      if (v < 0 || !values_[static_cast<std::size_t>(v)].type.is_tensor()) continue;
      const Shape& shape = values_[static_cast<std::size_t>(v)].type.shape;
      if (!shape.is_ranked()) continue;
      for (const Dim& d : shape.dims()) {
        const SymbolId id = d.symbol();
        if (id >= 0 && made_by_step[static_cast<std::size_t>(id)] && !known[static_cast<std::size_t>(id)]) fixes = true;
      }
    }
    if (!fixes) continue;
    plan_steps(s + 1);
    for (const int v : steps_[s].outputs) {
      if (v >= 0) learn(values_[static_cast<std::size_t>(v)]);
    }
    regions_.push_back({});
    regions_.back().first_step = static_cast<int>(s) + 1;
  }
  plan_steps(steps_.size());
  for (Region& region : regions_) {
    // Derived symbols of a later region may rest on ones of an earlier: ids grow from operands to results.
    std::sort(region.symbols.begin(), region.symbols.end());
  }
  // Values known symbolically need their symbols when the region of their first reader starts.
  for (std::size_t v = 0; v < n; ++v) {
    if (!values_[v].has_content) continue;
    int first_reader = static_cast<int>(steps_.size());
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      if (std::find(steps_[s].inputs.begin(), steps_[s].inputs.end(), static_cast<int>(v)) != steps_[s].inputs.end()) {
        first_reader = static_cast<int>(s);
        break;
      }
    }
    for (Region& region : regions_) {
      if (first_reader >= region.last_step && &region != &regions_.back()) continue;
      for (const Dim& d : values_[v].content) symbols_->collect(d, region.symbols);
      std::sort(region.symbols.begin(), region.symbols.end());
      region.contents.push_back(static_cast<int>(v));
      break;
    }
  }
  for (Region& region : regions_) {
    region.overlaps.resize(region.planned.size());
    for (std::size_t i = 0; i < region.planned.size(); ++i) {
      const auto v = static_cast<std::size_t>(region.planned[i]);
      for (std::size_t j = 0; j < i; ++j) {
        const auto w = static_cast<std::size_t>(region.planned[j]);
        if (first_step_[v] <= last_step_[w] && first_step_[w] <= last_step_[v]) {
          region.overlaps[i].push_back(static_cast<int>(j));
          region.overlaps[j].push_back(static_cast<int>(i));
        }
      }
    }
  }
  release_after_.assign(steps_.size(), {});
  for (std::size_t v = 0; v < n; ++v) {
    const int last = std::max(last_read[v], first_step_[v]);
    if (made[v] && !leaves[v] && last >= 0) {
      release_after_[static_cast<std::size_t>(last)].push_back(static_cast<int>(v));
    } else if (!values_[v].has_content && values_[v].constant.empty()) {
      release_last_.push_back(static_cast<int>(v));
    }
  }
}

std::unique_ptr<Program::State> Program::take_state() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++counters_.runs;
    if (!idle_.empty()) {
      std::unique_ptr<State> state = std::move(idle_.back());
      idle_.pop_back();
      return state;
    }
  }
  return make_state();
}

std::unique_ptr<Program::State> Program::make_state() const {
  auto state = std::make_unique<State>();
  state->slots.resize(values_.size());
  for (std::size_t v = 0; v < values_.size(); ++v) state->slots[v] = values_[v].constant;
  state->plans.resize(regions_.size());
  state->tensors.resize(regions_.size());
  state->active.resize(regions_.size(), nullptr);
  state->arena_of.resize(regions_.size(), -1);
  std::vector<int> busy_until;  // by arena: the last step that reads it
  for (std::size_t r = 0; r < regions_.size(); ++r) {
    const Region& region = regions_[r];
    if (region.planned.empty()) continue;
    const auto free =
        std::find_if(busy_until.begin(), busy_until.end(), [&](int step) { return step < region.first_step; });
    state->arena_of[r] = static_cast<int>(free - busy_until.begin());
    int until = region.last_step - 1;
    for (const int v : region.planned) until = std::max(until, last_step_[static_cast<std::size_t>(v)]);
    if (free == busy_until.end()) {
      busy_until.push_back(until);
    } else {
      *free = until;
    }
  }
  state->arenas.resize(busy_until.size());
  state->arena_sizes.resize(busy_until.size(), 0);
  std::size_t widest = 0;
  for (const ProgramStep& step : steps_) widest = std::max(widest, step.inputs.size());
  state->operands.resize(widest);
  return state;
}

void Program::give_state(std::unique_ptr<State> state) {
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(state));
}

void Program::make_plan(const Region& region, const Bindings& symbols, Plan& plan) const {
  const std::size_t n = region.planned.size();
  std::vector<std::size_t> bytes(n);
  plan.dims.resize(n);
  plan.offsets.assign(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const ProgramValue& value = values_[static_cast<std::size_t>(region.planned[i])];
    const auto evaluate = [&](const Dim& d) {
      const std::int64_t x = d.evaluate(symbols);
      if (x < 0) {
        fail(ErrorCode::kInvalidArgument, "value \"{}\" would have the dimension {} = {}", value.name, d.to_string(),
             x == kUnbound ? std::string("unknown") : std::to_string(x));
      }
      return x;
    };
    for (const Dim& d : value.type.shape.dims()) plan.dims[i].push_back(evaluate(d));
    bytes[i] = aligned(element_bytes(
        value.type.element, count_elements(value.storage == nullptr ? plan.dims[i] : value.storage(plan.dims[i]))));
  }
  // Largest first, each at the lowest offset where nothing alive at the same time lies.
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return bytes[a] > bytes[b]; });
  std::vector<bool> placed(n, false);
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (const std::size_t i : order) {
    taken.clear();
    for (const int other : region.overlaps[i]) {
      const auto j = static_cast<std::size_t>(other);
      if (placed[j]) taken.emplace_back(plan.offsets[j], bytes[j]);
    }
    std::sort(taken.begin(), taken.end());
    std::size_t offset = 0;
    for (const auto& [start, size] : taken) {
      if (start >= offset + bytes[i]) break;
      offset = std::max(offset, start + size);
    }
    plan.offsets[i] = offset;
    plan.arena = std::max(plan.arena, offset + bytes[i]);
    placed[i] = true;
  }
}

void Program::enter_region(State& state, std::size_t index, RunContext& context) {
  const Region& region = regions_[index];
  Bindings& symbols = context.symbols;
  if (symbols.size() < symbols_->size()) symbols.resize(symbols_->size(), kUnbound);
  state.key.clear();
  for (const SymbolId id : region.symbols) {
    auto& bound = symbols[static_cast<std::size_t>(id)];
    if (symbols_->is_derived(id)) bound = symbols_->evaluate(id, symbols);
    state.key.push_back(bound);
  }
  for (const int v : region.contents) {
    const ProgramValue& value = values_[static_cast<std::size_t>(v)];
    // The content of a value is small: a tensor of its own, written anew.
    Datum& slot = state.slots[static_cast<std::size_t>(v)];
    if (!slot.is_tensor()) {
      Dims dims;
      if (value.type.shape.rank() == 1) dims.push_back(static_cast<std::int64_t>(value.content.size()));
      slot = Tensor::allocate(value.type.element, dims);
    }
    for (std::size_t i = 0; i < value.content.size(); ++i) {
      const std::int64_t x = value.content[i].evaluate(symbols);
      if (x == kUnbound)
        fail(ErrorCode::kRuntimeException, "value \"{}\" depends on {}, which is unknown", value.name,
             value.content[i].to_string());
      if (value.type.element == ElementType::kI64) {
        slot.tensor().data<std::int64_t>()[i] = x;
      } else {
        slot.tensor().data<std::int32_t>()[i] = static_cast<std::int32_t>(x);
      }
    }
  }
  if (region.planned.empty()) return;
  std::list<Plan>& plans = state.plans[index];
  auto found = std::find_if(plans.begin(), plans.end(), [&](const Plan& p) { return p.key == state.key; });
  if (found == plans.end()) {
    add_plan(state, index, state.key, symbols);
    found = plans.begin();
  } else if (found != plans.begin()) {
    plans.splice(plans.begin(), plans, found);
  }
  const Plan& plan = plans.front();
  if (state.active[index] == &plan) return;
  fit_arena(state, index, context.budget);
  state.tensors[index].clear();
  for (std::size_t i = 0; i < region.planned.size(); ++i) {
    const ProgramValue& value = values_[static_cast<std::size_t>(region.planned[i])];
    const std::shared_ptr<Memory>& arena = state.arenas[static_cast<std::size_t>(state.arena_of[index])];
    state.tensors[index].emplace_back(value.type.element, plan.dims[i], arena, plan.offsets[i]);
  }
  state.active[index] = &plan;
}

void Program::add_plan(State& state, std::size_t index, const Bindings& key, const Bindings& symbols) {
  Plan plan;
  plan.key = key;
  make_plan(regions_[index], symbols, plan);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++counters_.plans;
    arena_bytes_ = std::max(arena_bytes_, static_cast<std::int64_t>(plan.arena));
  }
  std::list<Plan>& plans = state.plans[index];
  if (plans.size() >= kPlansPerRegion) {
    if (state.active[index] == &plans.back()) state.active[index] = nullptr;
    plans.pop_back();
  }
  plans.push_front(std::move(plan));
}

void Program::fit_arena(State& state, std::size_t index, const std::shared_ptr<Budget>& budget) {
  const std::size_t wanted = state.plans[index].front().arena;
  const auto arena = static_cast<std::size_t>(state.arena_of[index]);
  if (state.arenas[arena] && state.arena_sizes[arena] >= wanted) return;
  // The others that use it have no live value now; they take theirs anew.
  for (std::size_t r = 0; r < regions_.size(); ++r) {
    if (state.arena_of[r] != static_cast<int>(arena)) continue;
    state.tensors[r].clear();
    state.active[r] = nullptr;
  }
  state.arenas[arena].reset();
  state.arenas[arena] = allocate_host(wanted, budget, "arena");
  state.arena_sizes[arena] = wanted;
}

void Program::reserve(const std::shared_ptr<Budget>& budget) {
  std::unique_ptr<State> state = make_state();
  const Bindings none(symbols_->size(), kUnbound);
  try {
    for (std::size_t r = 0; r < regions_.size(); ++r) {
      if (!regions_[r].symbols.empty() || regions_[r].planned.empty()) continue;
      add_plan(*state, r, {}, none);
      fit_arena(*state, r, budget);
    }
    for (std::size_t a = 0; a < state->arenas.size(); ++a) {
      if (state->arenas[a]) back_with_pages(state->arenas[a]->map(), state->arena_sizes[a]);
    }
  } catch (const Error&) {
    // A run that needs the region says why it cannot have it.
    return;
  }
  give_state(std::move(state));
}

Status Program::run_steps(State& state, std::span<Datum> outputs, RunContext& context, const void* owner) {
  Sink sink(*this, state, outputs, context);
  int current = -1;
  try {
    for (std::size_t r = 0; r < regions_.size(); ++r) {
      current = -1;
      enter_region(state, r, context);
      for (int s = regions_[r].first_step; s < regions_[r].last_step; ++s) {
        current = s;
        context.check();
        const ProgramStep& step = steps_[static_cast<std::size_t>(s)];
        for (std::size_t i = 0; i < step.inputs.size(); ++i) {
          state.operands[i] = step.inputs[i] < 0 ? nullptr : &state.slots[static_cast<std::size_t>(step.inputs[i])];
        }
        sink.enter(step, static_cast<int>(r));
        const std::int64_t begin = context.observer != nullptr ? now_ns() : 0;
        step.run(Inputs(step.attributes, state.operands.data(), step.inputs.size()), sink, context);
        if (context.observer != nullptr) context.observer->on_step(owner, s, begin, now_ns());
        if (s + 1 == regions_[r].last_step) {
          for (const int v : step.outputs) {
            if (v >= 0 && state.slots[static_cast<std::size_t>(v)].is_tensor()) {
              bind_symbols(values_[static_cast<std::size_t>(v)].type.shape,
                           state.slots[static_cast<std::size_t>(v)].tensor().dims(), context.symbols);
            }
          }
        }
        for (const int v : release_after_[static_cast<std::size_t>(s)])
          state.slots[static_cast<std::size_t>(v)].reset();
      }
    }
    // A cancelled run may have left units of its last step out.
    if (context.cancel != nullptr) context.check();
  } catch (const Error& error) {
    if (current < 0 || error.code() == ErrorCode::kCancelled) return Status(error);
    const ProgramStep& step = steps_[static_cast<std::size_t>(current)];
    return Status(error.code(), formatted("{}: {} (node \"{}\")", step.op, error.what(), step.node));
  } catch (const std::bad_alloc&) {
    return Status(ErrorCode::kOutOfMemory, "the system is out of memory");
  } catch (const std::exception& error) {
    return Status(ErrorCode::kRuntimeException, error.what());
  }
  return {};
}

Status Program::run(std::span<const Datum* const> inputs, std::span<Datum> outputs, RunContext& context,
                    const void* owner) {
  std::unique_ptr<State> state = take_state();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const auto v = static_cast<std::size_t>(inputs_[i]);
    if (inputs[i] != nullptr) state->slots[v] = *inputs[i];
    if (state->slots[v].is_tensor())
      bind_symbols(values_[v].type.shape, state->slots[v].tensor().dims(), context.symbols);
  }
  Status status = run_steps(*state, outputs, context, owner);
  if (status.ok()) {
    try {
      for (std::size_t o = 0; o < outputs_.size(); ++o) {
        const auto v = static_cast<std::size_t>(outputs_[o]);
        const Datum& made = state->slots[v];
        const auto r = static_cast<std::size_t>(root_[v]);
        // Memory of the run's own becomes the output; what belongs to an input, a constant or another output is copied.
        const bool own = !made.is_tensor() || output_of_[r] == static_cast<int>(o);
        const bool fits = outputs[o].is_tensor() && made.is_tensor() &&
                          outputs[o].tensor().type() == made.tensor().type() &&
                          outputs[o].tensor().dims() == made.tensor().dims();
        if (fits && outputs[o].tensor().raw() == made.tensor().raw()) continue;
        if (own && !(fits && made.tensor().type() != ElementType::kString)) {
          outputs[o] = made;
          continue;
        }
        const Tensor& from = made.tensor();
        if (!fits) {
          outputs[o] = from.clone(context.budget);
        } else if (from.type() == ElementType::kString) {
          std::copy_n(from.data<std::string>(), from.size(), outputs[o].tensor().data<std::string>());
        } else if (from.size() > 0) {
          std::memcpy(outputs[o].tensor().raw(), from.raw(), from.bytes());
        }
      }
    } catch (const Error& error) {
      status = Status(error);
    }
  }
  if (status.ok()) {
    for (const int v : release_last_) state->slots[static_cast<std::size_t>(v)].reset();
  } else {
    for (std::size_t v = 0; v < values_.size(); ++v) {
      if (!values_[v].has_content && values_[v].constant.empty()) state->slots[v].reset();
    }
  }
  give_state(std::move(state));
  return status;
}

ProgramCounters Program::counters() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counters_;
}

std::int64_t Program::arena_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return arena_bytes_;
}

}  // namespace oriel::plan
