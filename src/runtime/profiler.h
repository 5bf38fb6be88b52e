// The record of a session's runs: what each step took, as a trace that Chrome and Perfetto open.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/run_context.h"
#include "runtime/compiled_graph.h"

namespace oriel {

/// Collects events until write(). Thread-safe.
class Profiler : public StepObserver {
 public:
  /// Events that are kept; later ones are counted and dropped.
  static constexpr std::size_t kMaxEvents = 1'000'000;

  Profiler();

  /// Makes the steps of these parts, and of their bodies, known by name.
  void describe(const std::vector<CompiledPartInfo>& parts);
  void on_step(const void* executable, int step, std::int64_t begin_ns, std::int64_t end_ns) override;
  /// An event of the session itself, e.g. "model_run".
  void on_session(const char* name, std::int64_t begin_ns, std::int64_t end_ns);

  /// When recording began: nanoseconds of steady_clock.
  std::int64_t start_ns() const { return start_ns_; }
  /// Nanoseconds of steady_clock now.
  static std::int64_t now_ns();

  /// The events as a JSON array of trace events (microseconds since the start), in order of their begin, one a line. A
  /// step is named by the original nodes that it comes from, joined with "+", and "_kernel_time".
  std::string to_json() const;
  /// Writes to_json() into `<prefix>_<local date and time>.json` and returns that name. Throws Error(kFail).
  std::string write(const std::string& prefix) const;

 private:
  struct Step {
    StepInfo info;
    std::string provider;
  };
  struct Event {
    const void* executable;  // null for the session's own
    const char* name;
    int step;
    std::int64_t begin_ns;
    std::int64_t end_ns;
    std::int64_t thread;
  };
  void add(const Event& event);

  std::int64_t start_ns_;
  mutable std::mutex mutex_;
  std::unordered_map<const void*, std::vector<Step>> steps_;
  std::vector<Event> events_;
  std::size_t dropped_ = 0;
};

}  // namespace oriel
