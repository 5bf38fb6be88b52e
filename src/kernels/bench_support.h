// What the kernels' benchmarks share: buffers, minima of many short runs, the measured FMA peak of a level.
#pragma once

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/cpu_features.h"

namespace oriel::kernels::bench {

/// Floats on huge pages where the system grants them, already touched.
class Buffer {
 public:
  explicit Buffer(std::int64_t n) : size_(n) {
    const std::size_t bytes = (static_cast<std::size_t>(n) * 4 + (2U << 20)) / (2U << 20) * (2U << 20);
    data_ = static_cast<float*>(std::aligned_alloc(2U << 20, bytes));
    madvise(data_, bytes, MADV_HUGEPAGE);
    std::fill_n(data_, bytes / 4, 0.0f);
  }
  ~Buffer() { std::free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() { return data_; }
  /// Reproducible values in [-1, 1).
  void fill() {
    std::uint32_t x = 12345;
    for (std::int64_t i = 0; i < size_; ++i) {
      x = x * 1664525U + 1013904223U;
      data_[i] = static_cast<float>(static_cast<std::int32_t>(x)) * 0x1p-31f;
    }
  }

 private:
  float* data_ = nullptr;
  std::int64_t size_;
};

/// Seconds of processor time of this thread, which other processes on the machine do not lengthen.
inline double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Runs f in each of the state's iterations and returns the shortest processor time in seconds.
template <typename Function>
double fastest(benchmark::State& state, Function f) {
  double best = 1e9;
  for (auto _ : state) {
    const double begin = thread_seconds();
    f();
    const double t = thread_seconds() - begin;
    state.SetIterationTime(t);
    best = std::min(best, t);
  }
  return best;
}

/// Peak FLOP/s of one core: 256-bit FMAs for avx2, 512-bit from avx512 on, 128-bit multiply and add for scalar.
inline double fma_peak(Isa isa) {
  static double peaks[3] = {0, 0, 0};
  const int kind = isa == Isa::kScalar ? 0 : isa == Isa::kAvx2 ? 1 : 2;
  if (peaks[kind] > 0) return peaks[kind];
  for (int i = 0; i < 40; ++i) {
    std::int64_t n = 1 << 20;
    const double begin = thread_seconds();
    double flops = 0;
    if (kind == 2) {
#define ORIEL_X(r) "vfmadd231ps %%zmm30,%%zmm31,%%zmm" #r "\n"
      asm volatile("vpxorq %%zmm30,%%zmm30,%%zmm30\nvpxorq %%zmm31,%%zmm31,%%zmm31\n.p2align 6\n1:\n" ORIEL_X(0)
                       ORIEL_X(1) ORIEL_X(2) ORIEL_X(3) ORIEL_X(4) ORIEL_X(5) ORIEL_X(6) ORIEL_X(7) ORIEL_X(8)
                           ORIEL_X(9) ORIEL_X(10) ORIEL_X(11) "dec %0\njnz 1b\nvzeroupper\n"
                   : "+r"(n)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                     "xmm11", "xmm15", "cc");
#undef ORIEL_X
      flops = 12 * 32.0 * (1 << 20);
    } else if (kind == 1) {
#define ORIEL_X(r) "vfmadd231ps %%ymm14,%%ymm15,%%ymm" #r "\n"
      asm volatile("vpxor %%ymm14,%%ymm14,%%ymm14\nvpxor %%ymm15,%%ymm15,%%ymm15\n.p2align 6\n1:\n" ORIEL_X(0)
                       ORIEL_X(1) ORIEL_X(2) ORIEL_X(3) ORIEL_X(4) ORIEL_X(5) ORIEL_X(6) ORIEL_X(7) ORIEL_X(8)
                           ORIEL_X(9) ORIEL_X(10) ORIEL_X(11) "dec %0\njnz 1b\nvzeroupper\n"
                   : "+r"(n)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                     "xmm11", "xmm14", "xmm15", "cc");
#undef ORIEL_X
      flops = 12 * 16.0 * (1 << 20);
    } else {
#define ORIEL_X(r, s) "mulps %%xmm15,%%xmm" #r "\naddps %%xmm15,%%xmm" #s "\n"
      asm volatile("xorps %%xmm15,%%xmm15\n.p2align 6\n1:\n" ORIEL_X(0, 1) ORIEL_X(2, 3) ORIEL_X(4, 5) ORIEL_X(6, 7)
                       ORIEL_X(8, 9) ORIEL_X(10, 11) "dec %0\njnz 1b\n"
                   : "+r"(n)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                     "xmm11", "xmm15", "cc");
#undef ORIEL_X
      flops = 12 * 4.0 * (1 << 20);
    }
    const double t = thread_seconds() - begin;
    peaks[kind] = std::max(peaks[kind], flops / t);
  }
  return peaks[kind];
}

}  // namespace oriel::kernels::bench
