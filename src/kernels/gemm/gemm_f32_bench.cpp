// GFLOP/s of the f32 matrix product on the shapes of transformer layers and classifiers.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>

#include "kernels/bench_support.h"
#include "kernels/gemm/gemm_f32.h"
#include "kernels/gemm/strassen.h"

namespace oriel::kernels {
namespace {

/// Args: m, k, n, level, kind: 0 packed B rotating through copies, 1 run-time B, 2 run-time B transposed, 3 packed
/// bf16.
void product(benchmark::State& state) {
  const std::int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const auto isa = static_cast<Isa>(state.range(3));
  const std::int64_t kind = state.range(4);
  const bool packs = kind == 0 || kind == 3;
  const auto arithmetic = kind == 3 ? GemmArithmetic::kBf16 : GemmArithmetic::kF32;
  if (isa > hardware_isa()) {
    state.SkipWithError("level not available");
    return;
  }
  const GemmF32Plan plan = gemm_f32_plan({m, n, k, 1, false, packs, kind == 2, 1, arithmetic}, isa);
  const auto packed = static_cast<std::int64_t>(gemm_f32_packed_bytes(n, k, isa, arithmetic) / 4);
  const std::int64_t copies = packs ? 8 : 1;
  bench::Buffer a(m * k), b(n * k), bp(packed * copies), c(m * n), bias(n);
  bench::Buffer scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  a.fill();
  b.fill();
  for (std::int64_t i = 0; i < copies; ++i) {
    gemm_f32_pack(b.data(), n, false, n, k, 0, gemm_f32_panels(n, isa), bp.data() + i * packed, isa, arithmetic);
  }
  GemmF32Operands o;
  o.a = a.data();
  o.lda = k;
  o.c = c.data();
  o.ldc = n;
  o.column_bias = bias.data();
  o.b = b.data();
  o.ldb = kind == 2 ? k : n;
  std::int64_t turn = 0;
  const double best = bench::fastest(state, [&] {
    if (packs) o.b = bp.data() + (turn++ % copies) * packed;
    gemm_f32_run(plan, o, 0, plan.units, scratch.data());
  });
  const double flops = 2.0 * static_cast<double>(m * n) * static_cast<double>(k);
  state.counters["GFLOPS"] = flops / best * 1e-9;
  state.counters["peak%"] = 100 * flops / best / (bench::fma_peak(isa) * (kind == 3 ? 2 : 1));
  state.counters["B_GB/s"] = (kind == 3 ? 2e-9 : 4e-9) * static_cast<double>(n * k) / best;
}

void shapes(benchmark::internal::Benchmark* b) {
  const std::int64_t kn[][2] = {{384, 384}, {384, 1536}, {1536, 384}, {768, 768}, {768, 3072}, {3072, 768}};
  for (const auto& s : kn) {
    for (const std::int64_t m : {1, 2, 4, 8, 16, 32, 64, 128}) {
      b->Args({m, s[0], s[1], static_cast<std::int64_t>(Isa::kAvx512), 0});
    }
    for (const std::int64_t m : {1, 8, 128}) b->Args({m, s[0], s[1], static_cast<std::int64_t>(Isa::kAvx2), 0});
    b->Args({128, s[0], s[1], static_cast<std::int64_t>(Isa::kScalar), 0});
  }
  for (const std::int64_t kind : {1, 2}) {
    b->Args({128, 64, 128, static_cast<std::int64_t>(Isa::kAvx512), kind});
    b->Args({512, 512, 512, static_cast<std::int64_t>(Isa::kAvx512), kind});
  }
  for (const std::int64_t kind : {0, 1, 2}) b->Args({1024, 1024, 1024, static_cast<std::int64_t>(Isa::kAvx512), kind});
  for (const std::int64_t m : {1, 4, 16, 128}) b->Args({m, 768, 3072, static_cast<std::int64_t>(Isa::kBf16), 3});
  b->Args({256, 11008, 4096, static_cast<std::int64_t>(Isa::kAvx512), 0});
  b->Args({4096, 512, 1, static_cast<std::int64_t>(Isa::kAvx512), 0});
}
BENCHMARK(product)->Apply(shapes)->UseManualTime();

/// Args: m, k, n, level: seven products of quarters, B rotating through copies; speedup over the plain product.
void strassen(benchmark::State& state) {
  const std::int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const auto isa = static_cast<Isa>(state.range(3));
  if (isa > hardware_isa()) {
    state.SkipWithError("level not available");
    return;
  }
  const GemmF32Plan plain = gemm_f32_plan({m, n, k}, isa);
  const StrassenPlan plan = strassen_plan({m, n, k}, isa);
  const auto plain_size = static_cast<std::int64_t>(gemm_f32_packed_bytes(n, k, isa) / 4);
  const auto packed_size = static_cast<std::int64_t>(strassen_packed_bytes(n, k, isa) / 4);
  constexpr std::int64_t kCopies = 8;
  bench::Buffer a(m * k), b(n * k), plain_b(plain_size * kCopies), packed_b(packed_size * kCopies), c(m * n), bias(n);
  bench::Buffer shared(static_cast<std::int64_t>(plan.shared_scratch_bytes / 4));
  bench::Buffer scratch(static_cast<std::int64_t>(std::max(plan.thread_scratch_bytes, plain.scratch_bytes) / 4));
  a.fill();
  b.fill();
  for (std::int64_t i = 0; i < kCopies; ++i) {
    gemm_f32_pack(b.data(), n, false, n, k, 0, gemm_f32_panels(n, isa), plain_b.data() + i * plain_size, isa);
    strassen_pack(b.data(), n, false, n, k, 0, strassen_pack_units(n, k, isa), packed_b.data() + i * packed_size, isa);
  }
  GemmF32Operands o;
  o.a = a.data();
  o.lda = k;
  o.c = c.data();
  o.ldc = n;
  o.column_bias = bias.data();
  std::int64_t turn = 0;
  double best_plain = 1e9, best_sums = 1e9, best = 1e9;
  for (auto _ : state) {
    ++turn;
    o.b = plain_b.data() + turn % kCopies * plain_size;
    const double begin = bench::thread_seconds();
    gemm_f32_run(plain, o, 0, plain.units, scratch.data());
    best_plain = std::min(best_plain, bench::thread_seconds() - begin);
    o.b = packed_b.data() + turn % kCopies * packed_size;
    const double middle = bench::thread_seconds();
    strassen_run(plan, o, 0, 0, strassen_units(plan, 0), shared.data(), scratch.data());
    best_sums = std::min(best_sums, bench::thread_seconds() - middle);
    for (int phase = 1; phase < plan.phases; ++phase) {
      strassen_run(plan, o, phase, 0, strassen_units(plan, phase), shared.data(), scratch.data());
    }
    const double t = bench::thread_seconds() - middle;
    best = std::min(best, t);
    state.SetIterationTime(t);
  }
  const double flops = 2.0 * static_cast<double>(m * n) * static_cast<double>(k);
  state.counters["GFLOPS"] = flops / best * 1e-9;
  state.counters["peak%"] = 100 * flops / best / bench::fma_peak(isa);
  state.counters["sums%"] = 100 * best_sums / best;
  state.counters["speedup"] = best_plain / best;
}

void strassen_shapes(benchmark::internal::Benchmark* b) {
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx2}) {
    for (const auto& [m, k, n] : {std::array<std::int64_t, 3>{128, 384, 384},
                                  {128, 384, 1536},
                                  {128, 1536, 384},
                                  {197, 384, 1152},
                                  {197, 384, 1536},
                                  {197, 1536, 384},
                                  {128, 768, 768},
                                  {128, 768, 3072},
                                  {128, 3072, 768},
                                  {64, 768, 3072},
                                  {784, 192, 768},
                                  {784, 768, 192},
                                  {3136, 96, 384}}) {
      b->Args({m, k, n, static_cast<std::int64_t>(isa)});
    }
  }
}
BENCHMARK(strassen)->Apply(strassen_shapes)->UseManualTime();

}  // namespace
}  // namespace oriel::kernels
