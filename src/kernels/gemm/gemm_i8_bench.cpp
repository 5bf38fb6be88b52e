// Operations a second of 8-bit matrix products on the shapes of transformer layers.
#include <benchmark/benchmark.h>

#include "kernels/bench_support.h"
#include "kernels/gemm/gemm_i8.h"

namespace oriel::kernels {
namespace {

/// Args: m, k, n, level, output. A is u8 with a zero point, B is s8, scales by column.
void product(benchmark::State& state) {
  const std::int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const auto isa = static_cast<Isa>(state.range(3));
  if (isa > hardware_isa()) {
    state.SkipWithError("level not available");
    return;
  }
  GemmI8Problem p;
  p.m = m;
  p.n = n;
  p.k = k;
  p.output = static_cast<GemmI8Output>(state.range(4));
  const GemmI8Plan plan = gemm_i8_plan(p, isa);
  const auto packed = static_cast<std::int64_t>(gemm_i8_packed_bytes(n, k, isa));
  constexpr std::int64_t kCopies = 8;
  bench::Buffer a(m * k / 4 + 1), b(n * k / 4 + 1), bp(packed * kCopies / 4), c(m * n), scale(n);
  bench::Buffer scratch(static_cast<std::int64_t>(plan.scratch_bytes / 4));
  a.fill();
  b.fill();
  for (std::int64_t i = 0; i < kCopies; ++i) {
    gemm_i8_pack(b.data(), n, false, true, n, k, 0, gemm_i8_panels(n, isa),
                 reinterpret_cast<char*>(bp.data()) + i * packed, isa);
  }
  const std::int32_t zero = 3;
  GemmI8Operands o;
  o.a = a.data();
  o.lda = k;
  o.c = c.data();
  o.ldc = n;
  o.a_zero = &zero;
  o.b_scale = scale.data();
  o.b_scale_per_column = true;
  std::int64_t turn = 0;
  const double best = bench::fastest(state, [&] {
    o.b = reinterpret_cast<char*>(bp.data()) + (turn++ % kCopies) * packed;
    gemm_i8_run(plan, o, 0, plan.units, scratch.data());
  });
  const double ops = 2.0 * static_cast<double>(m * n) * static_cast<double>(k);
  state.counters["GOPS"] = ops / best * 1e-9;
  state.counters["peak%"] = 100 * ops / best / (bench::fma_peak(isa) * (isa >= Isa::kVnni ? 4 : 1));
  state.counters["B_GB/s"] = 1e-9 * static_cast<double>(n * k) / best;
}

void shapes(benchmark::internal::Benchmark* b) {
  const std::int64_t kn[][2] = {{384, 384}, {384, 1536}, {768, 768}, {768, 3072}, {3072, 768}};
  for (const auto& s : kn) {
    for (const std::int64_t m : {1, 8, 128}) b->Args({m, s[0], s[1], static_cast<std::int64_t>(Isa::kVnni), 1});
    b->Args({128, s[0], s[1], static_cast<std::int64_t>(Isa::kVnni), 0});
    b->Args({128, s[0], s[1], static_cast<std::int64_t>(Isa::kVnni), 2});
    b->Args({128, s[0], s[1], static_cast<std::int64_t>(Isa::kAvx2), 1});
  }
}
BENCHMARK(product)->Apply(shapes)->UseManualTime();

}  // namespace
}  // namespace oriel::kernels
