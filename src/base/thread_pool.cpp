// Workers that spin for a short while, then sleep on a futex; loops of which every slot has a part of its own, and
// takes from the others when it is done.
#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace oriel {
namespace {

// How long an idle worker spins, in cycles of the time-stamp counter: long enough to bridge the gap to the next step of
// a run, well below a millisecond. A worker that spun in vain spins half as long the next time.
constexpr std::uint64_t kLongSpin = 300'000;
constexpr std::uint64_t kShortSpin = 20'000;
constexpr int kMaxWorkers = 256;

void pause() { __builtin_ia32_pause(); }
std::uint64_t cycles() { return __builtin_ia32_rdtsc(); }

void futex_wait(std::atomic<std::uint32_t>* word, std::uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(word), FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>* word) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// Chunks [begin, end) that nobody has taken yet, begin in the upper half.
struct alignas(64) Share {
  std::atomic<std::uint64_t> span{0};

  void set(std::uint64_t begin, std::uint64_t end) { span.store(begin << 32 | end, std::memory_order_relaxed); }

  // Takes the first chunk, or the last one; -1 where there is none.
  std::int64_t take(bool first) {
    std::uint64_t now = span.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t begin = now >> 32;
      const std::uint64_t end = now & UINT32_MAX;
      if (begin >= end) return -1;
      const std::uint64_t next = first ? (begin + 1) << 32 | end : begin << 32 | (end - 1);
      if (span.compare_exchange_weak(now, next, std::memory_order_relaxed)) {
        return static_cast<std::int64_t>(first ? begin : end - 1);
      }
    }
  }
};

// One loop in progress. Lives on the caller's stack; workers leave it before the caller returns. Every slot begins with
// neighbouring chunks, so that what it wrote in one loop is in its cache where the next loop reads the same part.
struct alignas(64) Loop {
  static constexpr int kShares = 16;
  Share share[kShares];
  int shares = 1;
  alignas(64) std::atomic<int> running{0};
  std::int64_t count = 0;
  std::int64_t grain = 1;
  const LoopBody* body = nullptr;
  const CancelToken* cancel = nullptr;

  void deal(int slots, std::int64_t chunks) {
    shares = std::min(slots, kShares);
    for (int i = 0; i < shares; ++i) {
      share[i].set(static_cast<std::uint64_t>(chunks * i / shares),
                   static_cast<std::uint64_t>(chunks * (i + 1) / shares));
    }
  }

  void work(int slot) {
    for (int i = 0; i < shares; ++i) {
      Share& from = share[(slot + i) % shares];
      for (;;) {
        if (cancel != nullptr && cancel->cancelled.load(std::memory_order_relaxed)) return;
        const std::int64_t chunk = from.take(i == 0);
        if (chunk < 0) break;
        const std::int64_t begin = chunk * grain;
        (*body)(begin, std::min(count, begin + grain), slot);
      }
    }
  }
};

struct alignas(64) Worker {
  // Every offer is a new epoch; the worker waits for it to change.
  std::atomic<std::uint32_t> epoch{0};
  std::atomic<bool> sleeping{false};
  std::atomic<bool> taken{false};
  // The loop on offer. Whoever swaps it for null has it: the worker to work, or the caller to take it back.
  std::atomic<Loop*> loop{nullptr};
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
      if (i >= started_.load(std::memory_order_acquire) && !start(i)) break;
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
    w.slot = slot;
    w.loop.store(loop, std::memory_order_release);
    w.epoch.fetch_add(1, std::memory_order_seq_cst);
    if (w.sleeping.load(std::memory_order_seq_cst)) futex_wake(&w.epoch);
  }

  // Takes a loop back from a worker that has not begun it, and frees the worker.
  bool withdraw(int index, Loop* loop) {
    Worker& w = workers_[index];
    Loop* expected = loop;
    if (!w.loop.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel)) return false;
    w.taken.store(false, std::memory_order_release);
    return true;
  }

  // Whether all threads of the pool and one caller find a processor each.
  bool roomy() const { return started_.load(std::memory_order_relaxed) < cpus_; }

 private:
  Pool() : workers_(new Worker[kMaxWorkers]), cpus_(usable_cpus()), limit_(std::max(8, 4 * cpus_)) {}

  // False where the system gives no thread: loops then run on fewer.
  bool start(int index) {
    const std::lock_guard<std::mutex> lock(start_);
    if (index < started_.load(std::memory_order_relaxed)) return true;
    try {
      std::thread([this, index] { serve(workers_[index]); }).detach();
    } catch (const std::system_error&) {
      return false;
    }
    started_.store(index + 1, std::memory_order_release);
    return true;
  }

  void serve(Worker& w) const {
    std::uint32_t seen = 0;
    std::uint64_t patience = kLongSpin;
    for (;;) {
      const std::uint64_t begin = cycles();
      const std::uint64_t spin = roomy() ? patience : kShortSpin;
      while (w.epoch.load(std::memory_order_acquire) == seen) {
        if (cycles() - begin < spin) {
          pause();
          continue;
        }
        patience = std::max(patience / 2, kShortSpin);
        w.sleeping.store(true, std::memory_order_seq_cst);
        while (w.epoch.load(std::memory_order_seq_cst) == seen) futex_wait(&w.epoch, seen);
        w.sleeping.store(false, std::memory_order_relaxed);
      }
      if (cycles() - begin < spin) patience = kLongSpin;
      seen = w.epoch.load(std::memory_order_acquire);
      Loop* loop = w.loop.exchange(nullptr, std::memory_order_acq_rel);
      if (loop == nullptr) continue;
      loop->work(w.slot);
      w.taken.store(false, std::memory_order_release);
      loop->running.fetch_sub(1, std::memory_order_release);
    }
  }

  static std::atomic<Pool*> current;
  Worker* workers_;
  std::mutex start_;
  std::atomic<int> started_{0};
  const int cpus_;
  const int limit_;  // workers up to which a caller looks for free ones that others may hold
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

// How many numbers a list like "0-3,8" has.
int count_listed(const std::string& list) {
  int count = 0;
  std::istringstream ranges(list);
  for (std::string range; std::getline(ranges, range, ',');) {
    int first = 0;
    int last = 0;
    const int read = std::sscanf(range.c_str(), "%d-%d", &first, &last);
    if (read == 1) last = first;
    if (read >= 1 && last >= first) count += last - first + 1;
  }
  return count;
}

// The processors that a cgroup folder allows, or 0 where it does not say.
int cpuset_of(const std::string& folder) {
  for (const char* name : {"/cpuset.cpus.effective", "/cpuset.effective_cpus", "/cpuset.cpus"}) {
    if (const int count = count_listed(read_line(folder + name)); count > 0) return count;
  }
  return 0;
}

// The processors of the calling thread's affinity mask; of a replaced root the ones that its /proc/self/status names.
// 0: not known.
int affinity_count(const std::string& root) {
  if (root.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
  }
  constexpr std::string_view kKey = "Cpus_allowed_list:";
  std::ifstream status(root + "/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, kKey.size(), kKey) == 0)
      return count_listed(line.substr(line.find_first_not_of(" \t", kKey.size())));
  }
  return 0;
}

}  // namespace

// Of a replaced root, affinity and all limits come from its files.
int usable_cpus(const char* root) {
  const std::string base = root;
  int cpus = affinity_count(base);
  if (cpus <= 0) cpus = count_listed(read_line(base + "/sys/devices/system/cpu/online"));
  if (cpus <= 0) cpus = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  // Every level of the process's path in a hierarchy may set a limit; the smallest counts.
  std::ifstream groups(base + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool unified = controllers == ",,";
    for (const char* controller : {"cpu", "cpuset"}) {
      if (!unified && controllers.find("," + std::string(controller) + ",") == std::string::npos) continue;
      const std::string folder = base + "/sys/fs/cgroup" + (unified ? "" : "/" + std::string(controller));
      for (std::string path = line.substr(second + 1);;) {
        if (controller == std::string_view("cpu")) {
          if (const double quota = quota_of(folder + path); quota > 0)
            cpus = std::min(cpus, static_cast<int>(std::ceil(quota)));
        } else if (const int count = cpuset_of(folder + path); count > 0) {
          cpus = std::min(cpus, count);
        }
        const std::size_t slash = path.find_last_of('/');
        if (slash == std::string::npos) break;
        path.resize(slash);
      }
    }
  }
  return std::max(1, cpus);
}

void ThreadLease::parallel_for(std::int64_t count, std::int64_t grain, LoopBody body, const CancelToken* cancel) const {
  if (count <= 0) return;
  // Fewer chunks than half a share's word can count.
  grain = std::max({grain, std::int64_t{1}, count >> 31});
  const std::int64_t chunks = (count - 1) / grain + 1;
  const int helpers = static_cast<int>(std::min<std::int64_t>(threads_ - 1, chunks - 1));
  Loop loop;
  loop.count = count;
  loop.grain = grain;
  loop.body = &body;
  loop.cancel = cancel;
  if (helpers <= 0) {
    loop.deal(1, chunks);
    loop.work(0);
    return;
  }
  int workers[kMaxWorkers];
  Pool& pool = Pool::instance();
  const int taken = pool.take(helpers, workers);
  loop.running.store(taken, std::memory_order_relaxed);
  loop.deal(taken + 1, chunks);
  for (int i = 0; i < taken; ++i) pool.offer(workers[i], &loop, i + 1);
  loop.work(0);
  // A worker that the system has not let run yet need not be waited for.
  int withdrawn = 0;
  for (int i = 0; i < taken; ++i) withdrawn += pool.withdraw(workers[i], &loop) ? 1 : 0;
  const std::uint64_t begin = cycles();
  while (loop.running.load(std::memory_order_acquire) != withdrawn) {
    if (cycles() - begin < kLongSpin && pool.roomy()) {
      pause();
    } else {
      sched_yield();
    }
  }
}

}  // namespace oriel
