// How sessions are made and how runs go.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "oriel/export.h"
#include "oriel/value.h"

namespace oriel::ORIEL_API_NAMESPACE {

/// How far a graph is optimised, with ONNX Runtime's numbers. At kDisabled the CPU provider runs the model node by
/// node.
enum class OptimizationLevel : int { kDisabled = 0, kBasic = 1, kExtended = 2, kLayout = 3, kAll = 99 };

/// How serious a message is.
enum class LogSeverity : int { kVerbose = 0, kInfo = 1, kWarning = 2, kError = 3, kFatal = 4 };

/// Receives messages: severity, the session's log id (with the run's tag behind a ':' where it has one) and a text of
/// one line. Called on the thread where things happen, from several threads at once where runs overlap. Must not throw.
using LogCallback = std::function<void(LogSeverity severity, std::string_view id, std::string_view message)>;

/// An execution provider and its options, e.g. {"OpenVINOExecutionProvider", {{"num_of_threads", "2"}}}.
struct Provider {
  std::string name;
  std::map<std::string, std::string> options = {};
};

/// How a session is made. Plain data: set what differs from the defaults.
struct SessionOptions {
  OptimizationLevel optimization_level = OptimizationLevel::kAll;
  /// Threads that a run may use, the calling one included; 0: as many as processors that the process may use.
  int intra_op_threads = 0;
  /// In order of priority; empty: the CPU provider. The CPU provider takes what no other does, unless the entry
  /// "session.disable_cpu_ep_fallback" is "1".
  std::vector<Provider> providers = {};
  /// Limit on the memory of the session in bytes; 0: none.
  std::size_t memory_limit = 0;
  /// Configuration entries under ONNX Runtime's keys.
  std::map<std::string, std::string> config = {};
  /// Fixed values for symbolic dimensions, by name and by denotation; a name goes first.
  std::map<std::string, std::int64_t> free_dimensions_by_name = {};
  std::map<std::string, std::int64_t> free_dimensions_by_denotation = {};
  /// Tensors that replace the model's initializers of these names, those with external data included.
  NamedValues initializers = {};
  /// Where the optimised model is saved as ONNX; empty: nowhere.
  std::filesystem::path optimized_model_path = {};
  /// Records what runs spend their time on; see Session::end_profiling(). The file's name is this prefix and the time.
  bool enable_profiling = false;
  std::filesystem::path profile_prefix = "oriel_profile";
  /// Messages of `log_severity` and above go to `log`. Without a callback nobody is told: the library never prints.
  std::string log_id = {};
  LogSeverity log_severity = LogSeverity::kWarning;
  LogCallback log = {};
};

/// How one run goes. Copies stand for the same run: terminate() reaches runs that were given any of them.
class ORIEL_API RunOptions {
 public:
  RunOptions();
  RunOptions(const RunOptions&) = default;
  RunOptions& operator=(const RunOptions&) = default;

  /// Stops the runs under way with these options, and those to come, with Error(kFail), until resume(). From any
  /// thread.
  void terminate() noexcept;
  void resume() noexcept;
  bool terminated() const noexcept;

  /// Stops a run that lasts longer, with Error(kFail); zero: no limit. Not while a run with these options is under way.
  RunOptions& set_timeout(std::chrono::nanoseconds limit);
  /// Stands in the messages of these runs. Not while a run with these options is under way.
  RunOptions& set_tag(std::string tag);
  const std::string& tag() const noexcept;

 private:
  friend struct RunOptionsAccess;
  friend class Session;
  struct State;
  /// For runs without options.
  static const RunOptions& defaults();
  std::shared_ptr<State> state_;
};

}  // namespace oriel::ORIEL_API_NAMESPACE
