// From claimed nodes to steps: units, layouts, and the rules that lower each operator.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "device/device.h"
#include "devices/cpu/weights.h"
#include "kernels/activation.h"
#include "plan/builder.h"

namespace oriel::cpu {

struct AttentionUnit;
struct QuantisedUnit;

/// What runs as one step: a node with the neighbours that its kernel computes along.
struct Unit {
  const Node* node = nullptr;
  std::vector<const Node*> absorbed;
  /// The value that the unit's first output is: of the node itself, or of the last absorbed one.
  const Value* output = nullptr;
  /// y = act(scale * op(x) + shift (+ residual)): by output channel; empty where there is none.
  std::vector<float> scale;
  std::vector<float> shift;
  kernels::Activation activation;
  const Value* residual = nullptr;
  bool residual_after_activation = false;
  /// Zeros around the spatial axes that an absorbed Pad adds: begins, then ends; empty where there is none.
  Dims extra_pads;
  /// A pattern on bytes around the node (quantised.h); null for the node as it stands.
  std::shared_ptr<const QuantisedUnit> quantised;
  /// Operands of an Attention read through views (attention_unit.h); null for the node as it stands.
  std::shared_ptr<const AttentionUnit> attention;
};

class Lowering;

/// How one operator runs on the CPU.
struct Rule {
  /// OpDef::full_name().
  std::string_view op;
  /// Why a node cannot be lowered, as a sentence; empty where it can.
  std::string (*decline)(const Node& node, const CompileOptions& options);
  /// Emits the steps of a unit.
  void (*lower)(Lowering& lowering, const Unit& unit);
  /// Whether the node can read operand `input` in the blocked layout; null: never.
  bool (*reads_blocked)(const Node& node, std::size_t input) = nullptr;
};

/// The rule of an operator, or null.
const Rule* find_rule(const Node& node);

// One list a group, each in lower_<group>.cpp.
std::vector<Rule> attention_rules();
std::vector<Rule> conv_rules();
std::vector<Rule> pool_rules();
std::vector<Rule> elementwise_rules();
std::vector<Rule> logic_rules();
std::vector<Rule> gemm_rules();
std::vector<Rule> norm_rules();
std::vector<Rule> reduce_rules();
std::vector<Rule> movement_rules();
std::vector<Rule> gather_rules();
std::vector<Rule> create_rules();
std::vector<Rule> resize_rules();
std::vector<Rule> recurrent_rules();
std::vector<Rule> quant_rules();
std::vector<Rule> number_rules();
std::vector<Rule> detect_rules();
std::vector<Rule> ml_rules();
std::vector<Rule> line_rules();

/// Units of a sub-graph in an order that can run: one a node where options say so, else with neighbours absorbed.
std::vector<Unit> fuse_units(const Subgraph& subgraph, const CompileOptions& options);

/// The activation that a node computes of its operand 0, where kernels can fuse it.
std::optional<kernels::Activation> activation_of(const Node& node);

/// Whether inference knows the elements of all outputs that anybody reads, so that the node needs no step.
bool has_content(const Node& node);

/// Dimensions of the memory of a blocked tensor: [N, ceil(C / 16), spatial..., 16].
Dims blocked_storage(const Dims& dims);

/// Whether channels are known to fill whole blocks of 16, so that blocked memory has no padding.
bool whole_blocks(const Shape& shape);
/// A constant operand as f32 values; empty where it is no f32 constant.
std::vector<float> constant_f32(const Value* value);
/// Whether Lowering::folded knows the value.
bool is_folded(const Value* value);
/// The one value of a constant operand of any numeric type.
std::optional<double> constant_scalar(const Value* value);

/// Loop units [0, count) over the run's threads, `grain` at a time: body(first, last, slot). A cancelled run leaves
/// units out and throws Error(kCancelled).
template <typename Body>
void parallel(RunContext& context, std::int64_t count, std::int64_t grain, Body&& body) {
  context.threads.parallel_for(count, grain, body, context.cancel);
  if (context.cancel != nullptr) context.check();
}

/// The state of one compilation.
class Lowering {
 public:
  Lowering(const Subgraph& subgraph, const CompileOptions& options, int threads);

  const CompileOptions& options() const { return options_; }
  int threads() const { return threads_; }
  /// Whether values may stay in the blocked layout between units.
  bool may_block() const { return !options_.one_step_per_node; }
  bool is_blocked(const Value* value) const { return blocked_.count(value) != 0 && plain_.count(value) == 0; }
  /// Whether products and convolutions round their operands to bf16, and sum in f32.
  bool bf16() const { return options_.precision == CompileOptions::Precision::kBF16; }
  /// Whether the value is kept rounded to bf16 alone, which narrow_output() decided.
  bool is_narrow(const Value* value) const { return narrow_.count(value) != 0; }
  /// Whether some reader of the value takes it in the blocked layout.
  bool wanted_blocked(const Value* value) const;
  bool leaves(const Value* value) const { return outputs_.count(value) != 0; }

  /// The program value of an operand in the plain layout (a reorder is added where needed); -1 for null.
  int plain(const Value* value);
  /// The same in the blocked layout; elements of 1, 2 or 4 bytes, known rank of 3 or more. Where values may not stay
  /// blocked, the index is good for a StepSpec alone, whose step then reorders inside.
  int blocked(const Value* value);
  /// The program value that a unit writes.
  int plain_output(const Value* value);
  int blocked_output(const Value* value);
  /// The same with elements rounded to bf16, of an f32 value that is_narrow(), in the layout that narrows_blocked()
  /// says (narrow.h). Readers who ask for another form get one widened.
  int narrow(const Value* value) const { return narrow_.at(value); }
  int narrow_output(const Value* value);

  /// Makes the units known, before the first is lowered.
  void announce(const std::vector<Unit>& units);
  /// The announced unit that computes a node, or null.
  const Unit* unit_of(const Node* node) const;

  /// Adds a step of the unit: `kernel` and `algorithm` for explain.
  struct StepSpec {
    std::vector<int> inputs;
    std::vector<int> outputs;
    plan::StepFunction run;
    std::string kernel;
    std::string algorithm;
    std::int64_t packed_bytes = 0;
    bool view = false;
    std::vector<int> in_place;
    /// Fills in what is known once weights are settled; null: nothing.
    std::function<void(StepInfo&)> describe;
  };
  void step(const Unit& unit, StepSpec spec);

  /// The value where it is a constant, or a DequantizeLinear of constants, which is computed once here; else null.
  const Tensor* folded(const Value* value);

  /// Where steps ask for packed weights, which are there when the program is finished.
  Weights& weights() { return weights_; }

  /// Makes a value whose elements inference knows symbolically available without a step.
  void content(const Value* value);

  std::unique_ptr<plan::Program> finish();
  std::vector<StepInfo> take_steps() { return std::move(steps_); }

 private:
  void reorder(const Value* value, int from, int to, bool to_blocked);
  void widen(const Value* value, int from, int to);
  /// The index of a plain value, marked as wanted in the blocked layout; and a blocked value like it.
  int enclosed(const Value* value);
  int blocked_copy(int plain);
  /// Puts the reorders of marked operands into the step itself.
  void enclose_reorders(StepSpec& spec);

  const Subgraph& subgraph_;
  CompileOptions options_;
  int threads_;
  plan::ProgramBuilder builder_;
  std::unordered_map<const Value*, int> plain_;
  std::unordered_map<const Value*, int> blocked_;
  std::unordered_map<int, const Value*> enclosed_;
  std::unordered_map<const Value*, Tensor> folded_;
  std::unordered_set<const Value*> outputs_;
  Weights weights_;
  std::vector<StepInfo> steps_;
  std::vector<std::pair<std::size_t, std::function<void(StepInfo&)>>> descriptions_;  // by index of steps_
  std::unordered_map<const Value*, int> narrow_;
  std::unordered_map<const Node*, const Unit*> units_;
};

}  // namespace oriel::cpu
