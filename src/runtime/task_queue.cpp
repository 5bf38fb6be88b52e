// Threads that live as long as there is work.
#include "runtime/task_queue.h"

#include <unistd.h>

#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"

namespace oriel {

void TaskQueue::post(std::function<void()> task) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (owner_ != ::getpid()) {
    // A forked child has none of its parent's threads.
    owner_ = ::getpid();
    threads_ = 0;
    tasks_.clear();
  }
  tasks_.push_back(std::move(task));
  if (threads_ >= limit_) return;
  try {
    std::thread(&TaskQueue::work, this).detach();
    ++threads_;
  } catch (const std::system_error& error) {
    if (threads_ > 0) return;
    tasks_.pop_back();
    fail(ErrorCode::kRuntimeException, "no thread for work in the background: {}", error.what());
  }
}

void TaskQueue::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!tasks_.empty()) {
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
  --threads_;
  idle_.notify_all();
}

void TaskQueue::drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait(lock, [&] { return tasks_.empty() && threads_ == 0; });
}

// Never destroyed: threads may outlive static objects.
TaskQueue& background_runs() {
  static auto* const queue = new TaskQueue(usable_cpus());
  return *queue;
}

TaskQueue& dispatcher() {
  static auto* const queue = new TaskQueue(1);
  return *queue;
}

}  // namespace oriel
