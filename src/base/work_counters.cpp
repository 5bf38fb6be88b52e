// The process's counters.
#include "base/work_counters.h"

#include <atomic>

namespace oriel {
namespace {

std::atomic<std::uint64_t> inferences{0};
std::atomic<std::uint64_t> packings{0};

}  // namespace

WorkCounts work_counts() {
  return {inferences.load(std::memory_order_relaxed), packings.load(std::memory_order_relaxed)};
}

void count_inference() { inferences.fetch_add(1, std::memory_order_relaxed); }

void count_packing() { packings.fetch_add(1, std::memory_order_relaxed); }

}  // namespace oriel
