// A model that is ready to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "oriel/error.h"
#include "oriel/export.h"
#include "oriel/options.h"
#include "oriel/value.h"

namespace oriel::ORIEL_API_NAMESPACE {

class IoBinding;

/// One dimension of an input or output.
struct Dimension {
  /// The number of elements; -1 where the model leaves it open.
  std::int64_t value = -1;
  /// The name of a symbolic dimension; empty for a fixed or anonymous one.
  std::string symbol = {};

  bool is_fixed() const { return value >= 0; }
};

/// The type of an input or output.
struct TypeInfo {
  enum class Kind { kNone, kTensor, kSequence, kMap, kOptional };
  Kind kind = Kind::kNone;
  /// "tensor(float)", "seq(map(int64,tensor(float)))".
  std::string name = {};
  /// Of a tensor; of a map's keys.
  ElementType element_type = ElementType::kUndefined;
  /// Of a tensor; without a known rank the shape is empty.
  bool has_rank = false;
  std::vector<Dimension> shape = {};
  /// What a sequence or optional holds; a map's values.
  std::shared_ptr<const TypeInfo> inner = nullptr;
};

/// An input or output.
struct ValueInfo {
  std::string name;
  TypeInfo type;
};

/// What a model's author wrote about it.
struct ModelMetadata {
  std::string producer_name;
  std::string graph_name;
  std::string domain;
  std::string description;
  std::string graph_description;
  std::int64_t version = 0;
  std::map<std::string, std::string> custom;
};

/// Called once when a run in the background is over: with its outputs, or with the error that ended it (else null). An
/// exception that leaves it is reported to the session's log and goes no further.
using RunCallback = std::function<void(std::vector<Value> outputs, const Error* error)>;

/// A loaded model. Any number of threads may run one session at once; moving and destroying it are the owner's
/// business.
class ORIEL_API Session {
 public:
  /// Loads, optimises and compiles a model file. Throws Error: kNoSuchFile; kInvalidProtobuf (no ONNX model);
  /// kInvalidGraph, kInvalidModel and kInvalidArgument (the model contradicts itself, calls an operator that ONNX does
  /// not have, or an option is wrong); kNotImplemented (a form that this version lacks); kProviderFail (a provider
  /// refuses an option); kFail (no memory, or an operator of a domain that nobody registered). Messages name operators.
  explicit Session(const std::filesystem::path& model, const SessionOptions& options = {});
  /// The same from a serialised model. With an `owner`, which is kept as long as the bytes are needed, nothing is
  /// copied; without one the bytes are copied first. External data is looked for in the folder that the configuration
  /// entry "session.model_external_initializers_file_folder_path" names.
  explicit Session(std::span<const std::byte> model, const SessionOptions& options = {},
                   std::shared_ptr<const void> owner = nullptr);
  /// A session that was moved from can be assigned to or destroyed, nothing else.
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  /// Ends profiling if that was not done. Runs in the background go on to their end.
  ~Session();

  /// What a run has to be given, in the model's order.
  const std::vector<ValueInfo>& inputs() const noexcept;
  /// What a run makes, in the model's order.
  const std::vector<ValueInfo>& outputs() const noexcept;
  /// Initializers that a run may be given as inputs; left out, they keep the model's values.
  const std::vector<ValueInfo>& overridable_initializers() const noexcept;
  const ModelMetadata& metadata() const noexcept;
  /// In order of priority; the CPU provider stands last where it was not asked for and may serve.
  const std::vector<Provider>& providers() const noexcept;

  /// Runs the model and returns the outputs of these names, in this order (none: all, in the model's order). Inputs are
  /// read in place. Throws Error(kInvalidArgument) for unknown or missing names and for a type, rank or dimension that
  /// the model does not admit, saying what was expected; kFail where memory runs out or the run was stopped.
  std::vector<Value> run(const NamedValues& feeds, const std::vector<std::string>& outputs = {},
                         const RunOptions& options = RunOptions::defaults());
  /// Runs the model and fills `outputs`, by name: a writable tensor is written into, and has to have the result's type
  /// and dimensions; nothing is replaced by a new value.
  void run_into(const NamedValues& feeds, NamedValues& outputs, const RunOptions& options = RunOptions::defaults());
  /// Runs with what is bound. Throws as run(), and where the binding belongs to another session.
  void run(IoBinding& binding, const RunOptions& options = RunOptions::defaults());

  /// As run(), in the background: `done` is called on a thread of the library that serves all sessions, so it should be
  /// short. Throws Error(kInvalidArgument) at once for unknown names; everything else comes to `done`. The session may
  /// be destroyed meanwhile.
  void run_async(const NamedValues& feeds, RunCallback done, const std::vector<std::string>& outputs = {},
                 const RunOptions& options = RunOptions::defaults());

  /// Ends profiling, writes a trace that Chrome and Perfetto open, and returns its path; empty where there is no
  /// profile. Throws Error(kFail) where it cannot be written.
  std::filesystem::path end_profiling();
  /// When profiling began, in nanoseconds of std::chrono::steady_clock; 0 without profiling.
  std::int64_t profiling_start_ns() const noexcept;

 private:
  friend class IoBinding;
  struct State;
  std::shared_ptr<State> state_;
};

/// Inputs and outputs of a session, bound by name ahead of its runs, so that results land in memory of the caller's
/// choice and repeated runs need no setting up. Keeps what is bound, and the session's model, alive. Not for two
/// threads at once.
class ORIEL_API IoBinding {
 public:
  explicit IoBinding(const Session& session);
  IoBinding(IoBinding&&) noexcept;
  IoBinding& operator=(IoBinding&&) noexcept;
  ~IoBinding();

  /// Throws Error(kInvalidArgument) for an unknown name, as all binding functions do.
  void bind_input(const std::string& name, const Value& value);
  /// An output with memory that each run allocates.
  void bind_output(const std::string& name);
  /// An output that each run writes into this tensor. Its type and dimensions are checked by the run.
  void bind_output(const std::string& name, const Value& into);
  void clear_inputs();
  void clear_outputs();

  /// In the order in which they were first bound.
  std::vector<std::string> output_names() const;
  /// What the last run made, in that order; before a run, what is bound.
  std::vector<Value> outputs() const;

 private:
  friend class Session;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace oriel::ORIEL_API_NAMESPACE
