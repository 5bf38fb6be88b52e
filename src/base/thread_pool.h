// The one thread pool of the process: leases of slots, and loops dealt in chunks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace oriel {

/// Processors this process may use: the smallest of the affinity mask, the cgroup quota (v1 and v2, rounded up) and the
/// processors that are online; at least 1. `root` stands before /proc and /sys (tests replace it).
int usable_cpus(const char* root = "");

/// Why a loop stops before its end. Checked between chunks.
struct CancelToken {
  std::atomic<bool> cancelled{false};
};

/// A loop body: processes units [begin, end) on slot `slot` (0 is the calling thread).
class LoopBody {
 public:
  template <typename F, typename = std::enable_if_t<!std::is_same_v<std::decay_t<F>, LoopBody>>>
  LoopBody(F& f)  // NOLINT: wraps by design, without owning
      : object_(&f), call_([](void* object, std::int64_t begin, std::int64_t end, int slot) {
          (*static_cast<F*>(object))(begin, end, slot);
        }) {}
  void operator()(std::int64_t begin, std::int64_t end, int slot) const { call_(object_, begin, end, slot); }

 private:
  void* object_;
  void (*call_)(void*, std::int64_t, std::int64_t, int);
};

/// A share of the pool: up to `threads` slots for loops that one thread starts, one after another. Workers are borrowed
/// while a loop runs; a loop that finds none free runs on its caller alone. Not for use by two threads at once.
class ThreadLease {
 public:
  explicit ThreadLease(int threads = 1) : threads_(threads < 1 ? 1 : threads) {}
  int threads() const { return threads_; }

  /// Calls body over [0, count) in chunks of `grain` units or more. Returns when all are done. A body must not throw.
  void parallel_for(std::int64_t count, std::int64_t grain, LoopBody body, const CancelToken* cancel = nullptr) const;

 private:
  int threads_;
};

}  // namespace oriel
