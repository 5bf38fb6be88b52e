// Counting of runs in the background.
#include "background.h"

#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "runtime/task_queue.h"

namespace oriel::v1 {
namespace {

// Whether this thread runs a callback, which cannot wait for itself.
thread_local bool in_callback = false;

class Counter {
 public:
  void add() {
    const std::lock_guard<std::mutex> lock(mutex_);
    forget_parent();
    ++open_;
  }
  void remove() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--open_ == 0) none_.notify_all();
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    forget_parent();
    none_.wait(lock, [&] { return open_ == 0; });
  }

 private:
  // A forked child has none of its parent's runs.
  void forget_parent() {
    if (owner_ == ::getpid()) return;
    owner_ = ::getpid();
    open_ = 0;
  }

  std::mutex mutex_;
  std::condition_variable none_;
  int open_ = 0;
  int owner_ = 0;
};

// Never destroyed: threads may outlive static objects.
Counter& counter() {
  static auto* const all = new Counter();
  return *all;
}

struct FinishAtExit {
  ~FinishAtExit() { finish_background(); }
};

}  // namespace

void run_in_background(std::function<Status()> run, std::function<void(const Status&)> done) {
  static const FinishAtExit at_exit;
  const auto deliver = [done = std::move(done)](const Status& status) {
    in_callback = true;
    done(status);
    in_callback = false;
    counter().remove();
  };
  counter().add();
  try {
    background_runs().post([run = std::move(run), deliver] {
      const Status status = run();
      try {
        dispatcher().post([status, deliver] { deliver(status); });
      } catch (const Error&) {
        // Without a thread for callbacks this one serves.
        deliver(status);
      }
    });
  } catch (...) {
    counter().remove();
    throw;
  }
}

void finish_background() {
  if (in_callback) return;
  counter().wait();
}

}  // namespace oriel::v1
