// What a run lends to every step and reference: cancelling, budget, threads, randomness, symbols.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "ir/tensor.h"

namespace oriel {

/// Where finished steps are reported; implemented by the runtime's profiler.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// `step` describes a step of an executable (see Executable::describe), times are nanoseconds of steady_clock.
  virtual void on_step(const void* executable, int step, std::int64_t begin_ns, std::int64_t end_ns) = 0;
};

/// The state of one run, shared by all executables and bodies that take part in it. Not for two threads at once.
class RunContext {
 public:
  RunContext() = default;

  const CancelToken* cancel = nullptr;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<Budget> budget;
  ThreadLease threads;
  StepObserver* observer = nullptr;
  /// The generator behind random operators without a seed of their own.
  std::mt19937* random = nullptr;
  /// Values of the model's symbols as far as this run knows them.
  Bindings symbols;

  /// Memory for the step that runs now: `bytes` at a 64-byte boundary, contents undefined, gone with the next call.
  /// Grows to a high-water mark and stays.
  void* scratch(std::size_t bytes) {
    if (!scratch_ || scratch_->size() < bytes) {
      scratch_.reset();
      scratch_ = allocate_host(bytes, budget, "scratch");
    }
    return scratch_->map();
  }

  bool stop_requested() const {
    if (cancel != nullptr && cancel->cancelled.load(std::memory_order_relaxed)) return true;
    return deadline != std::chrono::steady_clock::time_point::max() && std::chrono::steady_clock::now() >= deadline;
  }
  /// Throws Error(kCancelled) where a stop was asked for or the deadline has passed.
  void check() const {
    if (stop_requested()) throw_cancelled();
  }

 private:
  [[noreturn]] static void throw_cancelled();
  std::shared_ptr<Memory> scratch_;
};

}  // namespace oriel
