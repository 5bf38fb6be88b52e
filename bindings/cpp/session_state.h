// What stands behind a public session: the engine's session, its profiler and its log.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "boundary.h"
#include "oriel/session.h"
#include "runtime/io_binding.h"
#include "runtime/profiler.h"
#include "runtime/session.h"

namespace oriel::v1 {

struct ORIEL_LOCAL Session::State {
  /// Throws Error.
  static std::shared_ptr<State> load(ModelSource& source, const SessionOptions& options);
  explicit State(const SessionOptions& options) : log(options) {}
  ~State() { end_profiling_quietly(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Runs by position (see oriel::Session::run), with profile and log.
  Status run(std::span<const Datum* const> inputs, std::span<Datum> outputs, const RunOptions& options) const;
  /// The same through a binding. Throws the engine's Error.
  void run(oriel::IoBinding& binding, const RunOptions& options) const;
  /// Throws the engine's Error; the profile is gone then.
  std::filesystem::path end_profiling();
  void end_profiling_quietly() noexcept;

  std::shared_ptr<oriel::Session> session;
  Logger log;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> overridable;
  ModelMetadata metadata;
  std::vector<Provider> providers;
  std::string profile_prefix;
  std::int64_t profile_start_ns = 0;

 private:
  template <typename F>
  Status measured(const RunOptions& options, F&& run) const;

  mutable std::mutex mutex_;
  std::shared_ptr<Profiler> profiler_;
};

struct ORIEL_LOCAL IoBinding::State {
  explicit State(std::shared_ptr<Session::State> of) : session(std::move(of)), binding(session->session) {}

  std::shared_ptr<Session::State> session;
  oriel::IoBinding binding;
};

}  // namespace oriel::v1
