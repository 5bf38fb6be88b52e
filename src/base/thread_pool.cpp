// Workers that spin for a short while, then sleep on a futex; loops with one shared counter of chunks.
#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace oriel {
namespace {

// The spin after a loop, in pauses: long enough to bridge the gap to the next step of a run, well below a millisecond.
constexpr int kSpins = 4000;
constexpr int kMaxWorkers = 256;

void pause() { __builtin_ia32_pause(); }

void futex_wait(std::atomic<std::uint32_t>* word, std::uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(word), FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>* word) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// One loop in progress. Lives on the caller's stack; workers leave it before the caller returns.
struct alignas(64) Loop {
  alignas(64) std::atomic<std::int64_t> next{0};
  alignas(64) std::atomic<int> running{0};
  std::int64_t count = 0;
  std::int64_t grain = 1;
  const LoopBody* body = nullptr;
  const CancelToken* cancel = nullptr;

  void work(int slot) {
    for (;;) {
      if (cancel != nullptr && cancel->cancelled.load(std::memory_order_relaxed)) return;
      const std::int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      (*body)(begin, std::min(count, begin + grain), slot);
    }
  }
};

struct alignas(64) Worker {
  // Odd while a loop is offered or runs, even while idle; every change is a new epoch that the worker waits for.
  std::atomic<std::uint32_t> epoch{0};
  std::atomic<bool> sleeping{false};
  std::atomic<bool> taken{false};
  Loop* loop = nullptr;
  int slot = 0;
};

class Pool {
 public:
  static Pool& instance() {
    Pool* pool = current.load(std::memory_order_acquire);
    if (pool != nullptr) return *pool;
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    pool = current.load(std::memory_order_acquire);
    if (pool == nullptr) {
      static const int registered = pthread_atfork(nullptr, nullptr, [] {
        // The parent's workers do not exist in the child: it starts a pool of its own at its first loop.
        current.store(nullptr, std::memory_order_release);
      });
      static_cast<void>(registered);
      pool = new Pool;
      current.store(pool, std::memory_order_release);
    }
    return *pool;
  }

  // Takes up to `wanted` idle workers, starting threads as needed; the numbers go to `into`.
  int take(int wanted, int* into) {
    wanted = std::min(wanted, kMaxWorkers);
    int taken = 0;
    for (int i = 0; i < kMaxWorkers && taken < wanted; ++i) {
      if (i >= started_.load(std::memory_order_acquire)) start(i);
      bool free = false;
      if (!workers_[i].taken.load(std::memory_order_relaxed) &&
          workers_[i].taken.compare_exchange_strong(free, true, std::memory_order_acquire)) {
        into[taken++] = i;
      } else if (i + 1 >= limit_) {
        break;
      }
    }
    return taken;
  }

  void offer(int index, Loop* loop, int slot) {
    Worker& w = workers_[index];
    w.loop = loop;
    w.slot = slot;
    w.epoch.fetch_add(1, std::memory_order_seq_cst);
    if (w.sleeping.load(std::memory_order_seq_cst)) futex_wake(&w.epoch);
  }

 private:
  Pool() : workers_(new Worker[kMaxWorkers]) {}

  void start(int index) {
    const std::lock_guard<std::mutex> lock(start_);
    if (index < started_.load(std::memory_order_relaxed)) return;
    std::thread([this, index] { serve(workers_[index]); }).detach();
    limit_.store(std::max(limit_.load(), usable_cpus() * 4));
    started_.store(index + 1, std::memory_order_release);
  }

  static void serve(Worker& w) {
    std::uint32_t seen = 0;
    for (;;) {
      int spins = 0;
      while (w.epoch.load(std::memory_order_acquire) == seen) {
        if (++spins < kSpins) {
          pause();
          continue;
        }
        w.sleeping.store(true, std::memory_order_seq_cst);
        while (w.epoch.load(std::memory_order_seq_cst) == seen) futex_wait(&w.epoch, seen);
        w.sleeping.store(false, std::memory_order_relaxed);
      }
      seen = w.epoch.load(std::memory_order_acquire);
      Loop* loop = w.loop;
      loop->work(w.slot);
      w.taken.store(false, std::memory_order_release);
      loop->running.fetch_sub(1, std::memory_order_release);
    }
  }

  static std::atomic<Pool*> current;
  Worker* workers_;
  std::mutex start_;
  std::atomic<int> started_{0};
  std::atomic<int> limit_{8};
};

std::atomic<Pool*> Pool::current{nullptr};

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The quota of a cgroup folder in processors, or 0 where there is none.
double quota_of(const std::string& folder) {
  std::istringstream v2(read_line(folder + "/cpu.max"));
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period && quota != "max" && period > 0) return std::strtod(quota.c_str(), nullptr) / period;
  const double v1 = std::strtod(read_line(folder + "/cpu.cfs_quota_us").c_str(), nullptr);
  const double v1_period = std::strtod(read_line(folder + "/cpu.cfs_period_us").c_str(), nullptr);
  return v1 > 0 && v1_period > 0 ? v1 / v1_period : 0;
}

}  // namespace

int usable_cpus(const char* root) {
  int cpus = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpus = std::max(1, CPU_COUNT(&set));
  // Every level of the process's cgroup path may set a quota; the smallest counts.
  double quota = 0;
  std::ifstream groups(std::string(root) + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    std::string base = std::string(root) + "/sys/fs/cgroup";
    if (!controllers.empty()) {
      if (("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
      base += "/cpu";
    }
    for (;;) {
      const double q = quota_of(base + path);
      if (q > 0 && (quota == 0 || q < quota)) quota = q;
      const std::size_t slash = path.find_last_of('/');
      if (slash == std::string::npos || path.empty()) break;
      path.resize(slash);
    }
  }
  if (quota > 0) cpus = std::min(cpus, std::max(1, static_cast<int>(quota + 0.999)));
  return cpus;
}

void ThreadLease::parallel_for(std::int64_t count, std::int64_t grain, LoopBody body, const CancelToken* cancel) const {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t chunks = (count + grain - 1) / grain;
  const int helpers = static_cast<int>(std::min<std::int64_t>(threads_ - 1, chunks - 1));
  Loop loop;
  loop.count = count;
  loop.grain = grain;
  loop.body = &body;
  loop.cancel = cancel;
  if (helpers <= 0) {
    loop.work(0);
    return;
  }
  int workers[kMaxWorkers];
  Pool& pool = Pool::instance();
  const int taken = pool.take(helpers, workers);
  loop.running.store(taken, std::memory_order_relaxed);
  for (int i = 0; i < taken; ++i) pool.offer(workers[i], &loop, i + 1);
  loop.work(0);
  int spins = 0;
  while (loop.running.load(std::memory_order_acquire) != 0) {
    if (++spins < kSpins) {
      pause();
    } else {
      sched_yield();
    }
  }
}

}  // namespace oriel
