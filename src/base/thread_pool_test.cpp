// The thread pool's loops, its idleness, and the count of usable processors.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace oriel {
namespace {

// How often each unit of a loop was processed, and whether slots were in range and each on one thread at a time.
std::vector<int> visits(int threads, std::int64_t count, std::int64_t grain) {
  std::vector<int> seen(static_cast<std::size_t>(count), 0);
  std::vector<std::atomic<int>> busy(static_cast<std::size_t>(threads));
  auto body = [&](std::int64_t begin, std::int64_t end, int slot) {
    EXPECT_LT(begin, end);
    EXPECT_GE(slot, 0);
    EXPECT_LT(slot, threads);
    EXPECT_EQ(busy[static_cast<std::size_t>(slot)].fetch_add(1), 0);
    for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
    busy[static_cast<std::size_t>(slot)].fetch_sub(1);
  };
  ThreadLease(threads).parallel_for(count, grain, body);
  return seen;
}

TEST(ParallelFor, ProcessesEveryUnitOnce) {
  for (const int threads : {1, 2, 3, 16}) {
    for (const std::int64_t count : {0, 1, 2, 7, 1000}) {
      for (const std::int64_t grain : {0, 1, 3, 999, 5000}) {
        EXPECT_EQ(visits(threads, count, grain), std::vector<int>(static_cast<std::size_t>(count), 1))
            << threads << " " << count << " " << grain;
      }
    }
  }
}

TEST(ParallelFor, ServesManyCallersWithMoreThreadsThanProcessors) {
  std::atomic<std::int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 8; ++c) {
    callers.emplace_back([&] {
      const ThreadLease lease(16);
      for (int round = 0; round < 300; ++round) {
        std::int64_t parts[16] = {};
        auto body = [&](std::int64_t begin, std::int64_t end, int slot) {
          for (std::int64_t i = begin; i < end; ++i) parts[slot] += i;
        };
        lease.parallel_for(100, 1, body);
        for (const std::int64_t p : parts) sum += p;
      }
    });
  }
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(sum.load(), std::int64_t{8} * 300 * 4950);
}

TEST(ParallelFor, Nests) {
  std::atomic<int> units{0};
  auto inner = [&](std::int64_t begin, std::int64_t end, int) { units += static_cast<int>(end - begin); };
  auto outer = [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) ThreadLease(3).parallel_for(10, 1, inner);
  };
  for (int round = 0; round < 100; ++round) ThreadLease(4).parallel_for(8, 1, outer);
  EXPECT_EQ(units.load(), 100 * 8 * 10);
}

TEST(ParallelFor, StopsBetweenChunksWhenCancelled) {
  CancelToken cancel;
  std::atomic<int> chunks{0};
  auto body = [&](std::int64_t begin, std::int64_t, int) {
    ++chunks;
    if (begin == 0) cancel.cancelled = true;
    while (!cancel.cancelled) std::this_thread::yield();
  };
  ThreadLease(4).parallel_for(1'000'000, 1, body, &cancel);
  EXPECT_LE(chunks.load(), 4);
  EXPECT_GE(chunks.load(), 1);
}

TEST(ParallelFor, TakesMicrosecondsForEmptyChunks) {
  const ThreadLease lease(2);
  auto body = [](std::int64_t, std::int64_t, int) {};
  std::vector<double> seconds;
  for (int i = 0; i < 2001; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    lease.parallel_for(2, 1, body);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  // Loose: the machine may be busy. A loop that waited for the scheduler would take milliseconds.
  EXPECT_LT(seconds[1000], 200e-6);
}

TEST(Pool, IdlesWithoutProcessorTime) {
  const ThreadLease lease(16);
  auto body = [](std::int64_t, std::int64_t, int) {};
  for (int i = 0; i < 200; ++i) lease.parallel_for(64, 1, body);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const auto processor_seconds = [] {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double before = processor_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_LT(processor_seconds() - before, 0.01 * 0.4);
}

TEST(Pool, StartsAnewInAForkedChild) {
  EXPECT_EQ(visits(3, 100, 1), std::vector<int>(100, 1));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(60);
    bool right = true;
    for (int i = 0; i < 50; ++i) right = right && visits(3, 100, 1) == std::vector<int>(100, 1);
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// A folder that stands for the root of the file system.
class UsableCpus : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("oriel_cpus_" + std::to_string(::getpid()));
    std::filesystem::remove_all(root_);
    write("/proc/self/status", "Name:\tprogram\nCpus_allowed:\tffff\nCpus_allowed_list:\t0-15\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_.string() + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  int count() const { return usable_cpus(root_.c_str()); }

  std::filesystem::path root_;
};

TEST_F(UsableCpus, FollowsAffinity) {
  EXPECT_EQ(count(), 16);
  write("/proc/self/status", "Cpus_allowed_list:\t2,4-6,9\n");
  EXPECT_EQ(count(), 5);
}

TEST_F(UsableCpus, FallsBackToProcessorsOnline) {
  write("/proc/self/status", "Name:\tprogram\n");
  write("/sys/devices/system/cpu/online", "0-2\n");
  EXPECT_EQ(count(), 3);
}

TEST_F(UsableCpus, RoundsQuotasOfVersion2Up) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(count(), 3);
  write("/sys/fs/cgroup/cpu.max", "20000 100000\n");
  EXPECT_EQ(count(), 1);
  write("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(count(), 4);
  write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(count(), 16);
  write("/sys/fs/cgroup/cpu.max", "no quota at all\n");
  EXPECT_EQ(count(), 16);
}

TEST_F(UsableCpus, TakesTheSmallestQuotaOfAllLevels) {
  write("/proc/self/cgroup", "0::/outer/inner\n");
  write("/sys/fs/cgroup/outer/inner/cpu.max", "600000 100000\n");
  EXPECT_EQ(count(), 6);
  write("/sys/fs/cgroup/outer/cpu.max", "200000 100000\n");
  EXPECT_EQ(count(), 2);
}

TEST_F(UsableCpus, ReadsQuotasOfVersion1) {
  write("/proc/self/cgroup", "5:cpuset:/\n4:cpu,cpuacct:/box\n3:memory:/box\n");
  write("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "150000\n");
  write("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(count(), 3);
  write("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(count(), 16);
}

TEST_F(UsableCpus, FindsTheQuotaOfAContainerWhoseHostPathIsHidden) {
  write("/proc/self/cgroup", "2:cpu:/docker/0123\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "700000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(count(), 7);
}

TEST_F(UsableCpus, FollowsCpusets) {
  write("/proc/self/cgroup", "0::/box\n");
  write("/sys/fs/cgroup/box/cpuset.cpus.effective", "0-3,8\n");
  EXPECT_EQ(count(), 5);
  write("/proc/self/cgroup", "3:cpuset:/box\n");
  write("/sys/fs/cgroup/cpuset/box/cpuset.cpus", "1-2\n");
  EXPECT_EQ(count(), 2);
}

TEST(UsableCpusHere, FollowsTheCallingThread) {
  EXPECT_GE(usable_cpus(), 1);
  int pinned = 0;
  std::thread([&] {
    cpu_set_t all;
    CPU_ZERO(&all);
    ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
      if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
    }
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    pinned = usable_cpus();
  }).join();
  EXPECT_EQ(pinned, 1);
}

}  // namespace
}  // namespace oriel
