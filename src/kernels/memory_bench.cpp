// Bytes a second (read and written once each) of the kernels that memory or exp bound, and of attention.
#include <benchmark/benchmark.h>

#include <cmath>

#include "kernels/attention/attention.h"
#include "kernels/bench_support.h"
#include "kernels/elementwise/binary.h"
#include "kernels/elementwise/cast.h"
#include "kernels/elementwise/unary.h"
#include "kernels/norm/norm.h"
#include "kernels/reduce/reduce.h"
#include "kernels/softmax/softmax.h"
#include "kernels/transpose/strided_copy.h"

namespace oriel::kernels {
namespace {

constexpr std::int64_t kRows = 128;
constexpr std::int64_t kColumns = 768;
constexpr std::int64_t kCount = kRows * kColumns;

template <typename Function>
void report(benchmark::State& state, double bytes, Function f) {
  const double best = bench::fastest(state, f);
  state.counters["GB/s"] = bytes / best * 1e-9;
  state.counters["best_us"] = best * 1e6;
}

Isa level(const benchmark::State& state) {
  const auto isa = static_cast<Isa>(state.range(0));
  return isa <= hardware_isa() ? isa : hardware_isa();
}

void levels(benchmark::internal::Benchmark* b) {
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) b->Arg(static_cast<int>(isa));
  b->UseManualTime();
}

void add(benchmark::State& state) {
  bench::Buffer x(kCount), y(kCount), z(kCount);
  x.fill();
  const std::int64_t shape[] = {kRows, kColumns};
  const std::int64_t* shapes[] = {shape, shape};
  const Broadcast b = plan_broadcast(2, 2, shape, shapes);
  report(state, 12.0 * kCount,
         [&] { binary(BinaryOp::kAdd, ElementType::kF32, b, x.data(), y.data(), z.data(), 0, kCount, level(state)); });
}
BENCHMARK(add)->Apply(levels);

void add_bias(benchmark::State& state) {
  bench::Buffer x(kCount), y(kColumns), z(kCount);
  const std::int64_t shape[] = {kRows, kColumns};
  const std::int64_t bias[] = {1, kColumns};
  const std::int64_t* shapes[] = {shape, bias};
  const Broadcast b = plan_broadcast(2, 2, shape, shapes);
  report(state, 8.0 * kCount,
         [&] { binary(BinaryOp::kAdd, ElementType::kF32, b, x.data(), y.data(), z.data(), 0, kCount, level(state)); });
}
BENCHMARK(add_bias)->Apply(levels);

void activation(benchmark::State& state, ActivationKind kind) {
  bench::Buffer x(kCount), y(kCount);
  x.fill();
  report(state, 8.0 * kCount, [&] { activate_f32({kind, 1.0f, 1.0f}, x.data(), y.data(), kCount, level(state)); });
}
BENCHMARK_CAPTURE(activation, relu, ActivationKind::kRelu)->Apply(levels);
BENCHMARK_CAPTURE(activation, gelu, ActivationKind::kGeluErf)->Apply(levels);
BENCHMARK_CAPTURE(activation, gelu_tanh, ActivationKind::kGeluTanh)->Apply(levels);
BENCHMARK_CAPTURE(activation, sigmoid, ActivationKind::kSigmoid)->Apply(levels);
BENCHMARK_CAPTURE(activation, tanh, ActivationKind::kTanh)->Apply(levels);

void to_half(benchmark::State& state) {
  bench::Buffer x(kCount), y(kCount);
  x.fill();
  report(state, 6.0 * kCount,
         [&] { cast(ElementType::kF32, ElementType::kF16, x.data(), y.data(), kCount, level(state)); });
}
BENCHMARK(to_half)->Apply(levels);

void softmax(benchmark::State& state) {
  bench::Buffer x(kCount), y(kCount);
  x.fill();
  const SoftmaxShape s{kCount / 128, 128, 1};
  report(state, 8.0 * kCount, [&] { softmax_f32(s, x.data(), y.data(), 0, softmax_units(s), level(state)); });
}
BENCHMARK(softmax)->Apply(levels);

void softmax_strided(benchmark::State& state) {
  bench::Buffer x(kCount), y(kCount);
  x.fill();
  const SoftmaxShape s{4, 32, kColumns};
  report(state, 8.0 * kCount, [&] { softmax_f32(s, x.data(), y.data(), 0, softmax_units(s), level(state)); });
}
BENCHMARK(softmax_strided)->Apply(levels);

void layer_norm(benchmark::State& state) {
  bench::Buffer x(kCount), y(kCount), scale(kColumns), bias(kColumns);
  x.fill();
  LayerNorm n;
  n.x = x.data();
  n.y = y.data();
  n.columns = kColumns;
  n.scale = scale.data();
  n.bias = bias.data();
  report(state, 8.0 * kCount, [&] { layer_norm_f32(n, 0, kRows, level(state)); });
}
BENCHMARK(layer_norm)->Apply(levels);

void sum(benchmark::State& state, bool inner) {
  bench::Buffer x(kCount), y(kColumns);
  x.fill();
  const std::int64_t extent[] = {kRows, kColumns};
  const bool reduced[] = {!inner, inner};
  const Reduce p = plan_reduce(2, extent, reduced);
  report(state, 4.0 * kCount, [&] { reduce_f32(ReduceOp::kSum, p, x.data(), y.data(), 0, p.units, level(state)); });
}
BENCHMARK_CAPTURE(sum, inner, true)->Apply(levels);
BENCHMARK_CAPTURE(sum, outer, false)->Apply(levels);

void transpose(benchmark::State& state, int bytes) {
  bench::Buffer x(kCount * 2), y(kCount * 2);
  const std::int64_t extent[] = {kRows, kColumns};
  const int order[] = {1, 0};
  const StridedCopy p = plan_transpose(2, extent, order, bytes);
  report(state, 2.0 * bytes * kCount, [&] { strided_copy(p, x.data(), y.data(), 0, p.units, level(state)); });
}
BENCHMARK_CAPTURE(transpose, bytes1, 1)->Apply(levels);
BENCHMARK_CAPTURE(transpose, bytes2, 2)->Apply(levels);
BENCHMARK_CAPTURE(transpose, bytes4, 4)->Apply(levels);
BENCHMARK_CAPTURE(transpose, bytes8, 8)->Apply(levels);

void swap_heads(benchmark::State& state) {
  bench::Buffer x(kCount), y(kCount);
  const std::int64_t extent[] = {kRows, 12, 64};
  const int order[] = {1, 0, 2};
  const StridedCopy p = plan_transpose(3, extent, order, 4);
  report(state, 8.0 * kCount, [&] { strided_copy(p, x.data(), y.data(), 0, p.units, level(state)); });
}
BENCHMARK(swap_heads)->Apply(levels);

/// Args: level, queries, keys.
void attend(benchmark::State& state) {
  const std::int64_t heads = 12, dim = 64, queries = state.range(1), keys = state.range(2);
  bench::Buffer q(heads * queries * dim), k(heads * keys * dim), v(heads * keys * dim), out(heads * queries * dim);
  q.fill();
  k.fill();
  v.fill();
  Attention a;
  a.batch = 1;
  a.heads = a.kv_heads = heads;
  a.queries = queries;
  a.keys = keys;
  a.dim = a.value_dim = dim;
  a.scale = 0.125f;
  a.q = q.data();
  a.k = k.data();
  a.v = v.data();
  a.out = out.data();
  a.q_head = a.k_head = a.v_head = a.out_head = dim;
  a.q_row = a.k_row = a.v_row = a.out_row = heads * dim;
  const AttentionPlan plan = attention_plan(a, 1, level(state));
  bench::Buffer scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  const double best = bench::fastest(state, [&] { attention_run(plan, a, 0, plan.units, scratch.data()); });
  const double flops = 4.0 * static_cast<double>(heads * queries * keys * dim);
  state.counters["GFLOPS"] = flops / best * 1e-9;
  state.counters["peak%"] = 100 * flops / best / bench::fma_peak(level(state));
  state.counters["best_us"] = best * 1e6;
}
BENCHMARK(attend)
    ->Args({2, 128, 128})
    ->Args({1, 128, 128})
    ->Args({0, 128, 128})
    ->Args({2, 512, 512})
    ->Args({2, 1024, 1024})
    ->Args({2, 1, 1024})
    ->Args({2, 16, 512})
    ->UseManualTime();

}  // namespace
}  // namespace oriel::kernels
