// A loaded model, ready to run: what every face's sessions and compiled models are made of.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "device/device.h"
#include "ir/graph.h"
#include "passes/pass.h"
#include "providers/provider.h"
#include "runtime/compiled_graph.h"

namespace oriel {

/// A provider as a user asks for it.
struct ProviderRequest {
  std::string name;
  ProviderOptions options;
};

/// How a session is made.
struct SessionOptions {
  OptimizationLevel level = OptimizationLevel::kAll;
  /// Slots a run may use; 0: all processors of the process.
  int intra_op_threads = 0;
  /// Limit on all memory of the session in bytes; 0: none.
  std::size_t memory_limit = 0;
  /// Fixed values of symbolic dimensions, by name and by denotation.
  std::vector<std::pair<std::string, std::int64_t>> dims_by_name;
  std::vector<std::pair<std::string, std::int64_t>> dims_by_denotation;
  /// Shapes that replace those of the inputs of these names.
  std::vector<std::pair<std::string, Dims>> input_shapes;
  std::map<std::string, std::string> config;
  /// In order of priority; empty: the CPU provider.
  std::vector<ProviderRequest> providers;
  /// Fall back to the CPU provider for what no other takes.
  bool cpu_fallback = true;
  /// Values that replace the model's initializers of these names, external ones included.
  std::vector<std::pair<std::string, Tensor>> initializers;
  /// Contents of external data files that are not opened, by the name that the model has for them.
  std::vector<std::pair<std::string, std::shared_ptr<Memory>>> external_files;
  /// Where the optimised model is written as ONNX; empty: nowhere. The configuration entries
  /// session.optimized_model_external_initializers_file_name and ..._min_size_in_bytes (1024) put large constants
  /// beside it.
  std::string optimized_model_path;
  /// Looked at between the stages of loading; Error(kCancelled) where it is set. May be null.
  const CancelToken* cancel = nullptr;
};

/// How one run goes.
struct RunOptions {
  const CancelToken* cancel = nullptr;
  StepObserver* observer = nullptr;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// An input or output of a model.
struct ValueInfo {
  std::string name;
  ValueType type;
};

/// The stages that make a session's graph, in order; kWiden gives what is partitioned.
enum class GraphStage : std::uint8_t { kLoad, kLegalise, kOptimise, kWiden };

/// Where a model comes from: a path, or bytes that stay alive with it.
struct ModelSource {
  std::string path;
  std::shared_ptr<Memory> bytes;
  /// For models from bytes: where external data is looked for.
  std::string folder;
};

/// Runs from many threads at once are safe.
class Session {
 public:
  /// Loads, optimises and compiles. Throws Error.
  Session(const ModelSource& source, const SessionOptions& options);
  /// Over a graph that is already there (it is optimised in place).
  Session(std::shared_ptr<Graph> graph, const SessionOptions& options);

  const std::vector<ValueInfo>& inputs() const { return inputs_; }
  const std::vector<ValueInfo>& outputs() const { return outputs_; }
  /// Inputs with a default.
  const std::vector<ValueInfo>& overridable() const { return overridable_; }
  const ModelInfo& info() const { return graph_->info(); }
  const Graph& graph() const { return *graph_; }
  const std::vector<ProviderRequest>& providers() const { return options_.providers; }
  const SessionOptions& options() const { return options_; }
  std::vector<CompiledPartInfo> describe() const { return compiled_->describe(); }
  const CompiledGraph& compiled() const { return *compiled_; }

  /// Operators of the model's own nodes ("Conv", "ai.onnx.ml.Scaler") by the nodes' names, where the configuration
  /// entry session.record_ep_graph_assignment_info is "1"; else empty.
  const std::map<std::string, std::string>& original_operators() const { return original_operators_; }

  /// Position of an input (model inputs, then overridable ones) or output; -1 where there is none.
  int input_index(const std::string& name) const;
  int output_index(const std::string& name) const;

  /// One value an input by input_index(), null for an overridable one left at its default; one slot an output by
  /// output_index(). A slot that holds a tensor of the right type and size is written in place. `wanted` (may be empty:
  /// all) tells which outputs are looked at. Checks names, types, ranks and dimensions.
  Status run(std::span<const Datum* const> inputs, std::span<Datum> outputs, const RunOptions& options);

 private:
  void prepare(const SessionOptions& options);
  void save_optimised() const;
  Status check_inputs(std::span<const Datum* const> inputs, RunContext& context) const;

  SessionOptions options_;
  std::shared_ptr<Budget> budget_;
  std::shared_ptr<Graph> graph_;
  std::map<std::string, std::string> original_operators_;
  std::vector<ValueInfo> inputs_;
  std::vector<ValueInfo> overridable_;
  std::vector<ValueInfo> outputs_;
  std::vector<int> graph_input_of_;  // by input_index(): position in Graph::inputs()
  std::vector<Datum> defaults_;      // by position in Graph::inputs()
  std::unique_ptr<CompiledGraph> compiled_;
  int threads_ = 1;
  std::mutex mutex_;
  /// A context with the generator of random operators, where the process has a seed, and the graph's operands.
  struct Context : RunContext {
    std::optional<std::mt19937> generator;
    std::vector<const Datum*> operands;
  };
  std::vector<std::unique_ptr<Context>> contexts_;
  std::optional<std::uint32_t> seed_;
};

/// Seeds the random operators without a seed of their own, in sessions that are made from now on.
void set_random_seed(std::uint32_t seed);

/// The graph of a model after a stage, as a session of these options would have it. Throws Error.
std::shared_ptr<Graph> load_graph(const ModelSource& source, const SessionOptions& options, GraphStage stage);

/// Names of the devices that find_device knows.
const std::vector<std::string>& device_names();

/// The devices of this machine, by name. Throws Error(kProviderFail) where there is none of that name.
std::shared_ptr<Device> find_device(const std::string& name);

/// Candidates of the session's providers in order of priority; all compiled parts take their memory from `budget` (may
/// be null). Throws Error.
std::vector<Candidate> choose_candidates(const SessionOptions& options,
                                         const std::shared_ptr<Budget>& budget = nullptr);

/// "tensor(float)", "seq(map(int64,tensor(float)))": a type as ONNX Runtime's users know it.
std::string onnx_type_name(const ValueType& type);
std::string onnx_type_name(const Datum& value);
std::string onnx_element_name(ElementType type);

/// The name of a symbolic dimension as the model's users know it; empty for fixed, anonymous and computed ones.
std::string symbol_name(const Dim& dim);

}  // namespace oriel
