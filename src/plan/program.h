// A list of steps over a table of values, and its runner: regions, plans per binding of symbols, one arena a region.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/dim.h"
#include "base/error.h"
#include "base/memory.h"
#include "ir/graph.h"
#include "ir/op_def.h"
#include "ir/run_context.h"
#include "ir/value_type.h"

namespace oriel::plan {

using StepFunction = std::function<void(const Inputs&, OutputSink&, RunContext&)>;

/// A value of a program.
struct ProgramValue {
  std::string name;
  ValueType type;
  /// Dimensions of the memory behind a tensor of given dimensions, where they differ (blocked layouts); else null.
  Dims (*storage)(const Dims&) = nullptr;
  /// The value where it is a constant.
  Datum constant;
  /// Elements known symbolically: materialised before the first step, never computed.
  std::vector<Dim> content;
  bool has_content = false;
};

/// A call of a kernel or reference.
struct ProgramStep {
  StepFunction run;
  Attributes attributes;
  std::vector<int> inputs;  // indices of values, -1 where absent
  std::vector<int> outputs;
  /// The value is a view of the step's input 0: they share memory.
  bool view = false;
  /// Inputs whose memory output 0 may take over where nobody reads them afterwards, nor any other input shares it.
  std::vector<int> in_place;
  /// "Softmax" and "probs", for messages.
  std::string op;
  std::string node;
};

/// Counts over the life of a program; tests look at them.
struct ProgramCounters {
  std::int64_t plans = 0;
  std::int64_t runs = 0;
};

/// Steps in order. Built once, then run from any number of threads; each concurrent run has a state of its own.
class Program {
 public:
  explicit Program(std::shared_ptr<const SymbolTable> symbols);
  ~Program();

  int add_value(ProgramValue value);
  void add_step(ProgramStep step);
  void set_inputs(std::vector<int> values) { inputs_ = std::move(values); }
  void set_outputs(std::vector<int> values) { outputs_ = std::move(values); }
  /// Cuts regions and computes lifetimes; after it the program only runs.
  void finish();

  const std::vector<ProgramStep>& steps() const { return steps_; }
  const ProgramValue& value(int i) const { return values_[static_cast<std::size_t>(i)]; }

  /// As Executable::submit; `owner` is what step observers are told.
  Status run(std::span<const Datum* const> inputs, std::span<Datum> outputs, RunContext& context, const void* owner);

  /// Prepares the state of the first run as far as no input decides it: plans, and arenas with pages behind them.
  /// Nothing where that fails; the budget may be null.
  void reserve(const std::shared_ptr<Budget>& budget);

  ProgramCounters counters() const;
  /// The text dump: regions with their symbols, steps, and where each value lies. Offsets are shown where no dimension
  /// depends on a symbol.
  std::string dump() const;
  std::int64_t arena_bytes() const;

 private:
  struct Region {
    int first_step = 0;
    int last_step = 0;  // one past
    /// Values whose memory this region's arena holds.
    std::vector<int> planned;
    /// Symbols that their dimensions need, operands first.
    std::vector<SymbolId> symbols;
    /// Values that are written from their symbols when the region starts.
    std::vector<int> contents;
    /// By position in `planned`: the positions whose lifetimes overlap with it.
    std::vector<std::vector<int>> overlaps;
  };
  struct Plan {
    Bindings key;
    std::vector<Dims> dims;  // by position in Region::planned
    std::vector<std::size_t> offsets;
    std::size_t arena = 0;
  };
  struct State;
  class Sink;

  void share_in_place(const std::vector<bool>& made, const std::vector<bool>& leaves,
                      const std::vector<int>& last_read);
  std::unique_ptr<State> take_state();
  std::unique_ptr<State> make_state() const;
  void add_plan(State& state, std::size_t region, const Bindings& key, const Bindings& symbols);
  void fit_arena(State& state, std::size_t region, const std::shared_ptr<Budget>& budget);
  void give_state(std::unique_ptr<State> state);
  void enter_region(State& state, std::size_t region, RunContext& context);
  void make_plan(const Region& region, const Bindings& symbols, Plan& plan) const;
  Status run_steps(State& state, std::span<Datum> outputs, RunContext& context, const void* owner);

  std::shared_ptr<const SymbolTable> symbols_;
  std::vector<ProgramValue> values_;
  std::vector<ProgramStep> steps_;
  std::vector<int> inputs_;
  std::vector<int> outputs_;

  std::vector<Region> regions_;
  std::vector<int> root_;        // the value whose memory a value shares
  std::vector<int> first_step_;  // of a root: step that makes it (-1: before the run)
  std::vector<int> last_step_;   // of a root: last step that reads any of its views
  std::vector<int> region_of_;   // region whose arena holds a root, -1: allocated when made, or not ours
  std::vector<int> position_;    // position in Region::planned
  std::vector<int> in_place_;    // the input whose memory a value takes over, -1: none
  std::vector<int> output_of_;   // index of the program output that a root's memory becomes, -1: none
  std::vector<std::vector<int>> release_after_;  // by step: values whose slot empties after it
  std::vector<int> release_last_;                // values whose slot empties with the run

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<State>> idle_;
  ProgramCounters counters_;
  std::int64_t arena_bytes_ = 0;
};

}  // namespace oriel::plan
