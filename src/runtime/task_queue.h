// Threads beside the pool for work that somebody waits for: runs that were started without blocking, and users'
// callbacks.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace oriel {

/// Tasks in the order of arrival on up to `threads` threads, which start when needed and end when idle. A task must not
/// throw.
class TaskQueue {
 public:
  explicit TaskQueue(int threads) : limit_(threads < 1 ? 1 : threads) {}
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  /// Waits for all tasks.
  ~TaskQueue() { drain(); }

  /// Throws Error(kRuntimeException) where the system gives no thread.
  void post(std::function<void()> task);
  /// Returns when no task is queued or running and no thread of the queue is left. Not to be called from a task.
  void drain();

 private:
  void work();

  const int limit_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<std::function<void()>> tasks_;
  int threads_ = 0;
  int owner_ = 0;  // the process that the threads belong to
};

/// Runs that the caller does not wait for.
TaskQueue& background_runs();
/// The one thread on which users' callbacks are called.
TaskQueue& dispatcher();

}  // namespace oriel
