// Fork and join of a loop with nothing in it.
#include <benchmark/benchmark.h>

#include "base/thread_pool.h"

namespace oriel {
namespace {

void fork_join(benchmark::State& state) {
  const ThreadLease lease(static_cast<int>(state.range(0)));
  auto body = [](std::int64_t, std::int64_t, int) {};
  for (auto _ : state) lease.parallel_for(state.range(0), 1, body);
}
BENCHMARK(fork_join)->Arg(1)->Arg(2)->Arg(16)->UseRealTime();

}  // namespace
}  // namespace oriel
