// What a run costs beside its arithmetic: a tiny model's call, new shapes against repeated ones.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "runtime/testing.h"

namespace oriel {
namespace {

using testing::BoundSession;
using testing::Builder;
using testing::random_tensor;

std::shared_ptr<Graph> add_of_eight() {
  Builder b;
  b.output(b.call("Add", {b.input("a", Shape{1, 8}), b.input("b", Shape{1, 8})}));
  return b.take();
}

void tiny_run(benchmark::State& state) {
  BoundSession bound(add_of_eight(), static_cast<int>(state.range(0)));
  bound.bind({random_tensor({1, 8}, 1), random_tensor({1, 8}, 2)});
  for (auto _ : state) bound.run();
}
BENCHMARK(tiny_run)->Arg(1)->Arg(2);

double seconds_of(BoundSession& bound, const Datum& input) {
  bound.bind({input});
  bound.outputs().assign(bound.outputs().size(), Datum());
  const auto begin = std::chrono::steady_clock::now();
  bound.run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

// Each shape once as a new one and once again; `largest` first, so that memory stands. Outputs are new memory in every
// run.
void shapes(benchmark::State& state, const std::shared_ptr<Graph>& graph, const Datum& largest,
            const std::function<Datum(int)>& input) {
  BoundSession bound(graph, 1);
  for (int i = 0; i < 3; ++i) seconds_of(bound, largest);
  std::vector<double> first;
  std::vector<double> again;
  int next = 0;
  for (auto _ : state) {
    const Datum x = input(next++);
    first.push_back(seconds_of(bound, x));
    again.push_back(seconds_of(bound, x));
  }
  for (const double share : {0.5, 0.95}) {
    const std::string name = "p" + std::to_string(static_cast<int>(share * 100));
    state.counters["new_" + name] = percentile(first, share);
    state.counters["again_" + name] = percentile(again, share);
    state.counters["ratio_" + name] = percentile(first, share) / percentile(again, share);
  }
}

void image_shapes(benchmark::State& state) {
  shapes(state, testing::conv_net(true), random_tensor({2, 3, 160, 160}, 1), [](int i) {
    return random_tensor({1 + i % 2, 3, 32 + i * 7 % 129, 32 + i * 13 % 127}, 2);
  });
}
BENCHMARK(image_shapes)->Iterations(300);

void text_shapes(benchmark::State& state) {
  const auto tokens = [](std::int64_t batch, std::int64_t length) {
    Tensor t = Tensor::allocate(ElementType::kI64, {batch, length});
    for (std::int64_t i = 0; i < t.size(); ++i) t.data<std::int64_t>()[i] = i * 7 % 50;
    return t;
  };
  shapes(state, testing::transformer(true), tokens(4, 160), [&](int i) { return tokens(1 + i % 4, 16 + i / 4 % 144); });
}
BENCHMARK(text_shapes)->Iterations(300);

}  // namespace
}  // namespace oriel
