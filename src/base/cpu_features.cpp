// CPUID and XCR0 decide, never the vendor.
#include "base/cpu_features.h"

#include <cpuid.h>
#include <unistd.h>

#include <cstdlib>

namespace oriel {
namespace {

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  if (__get_cpuid_max(leaf & 0x80000000U, nullptr) >= leaf) __cpuid_count(leaf, subleaf, r.a, r.b, r.c, r.d);
  return r;
}

bool bit(unsigned word, int index) { return ((word >> index) & 1U) != 0; }

std::uint64_t enabled_state() {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32) | low;
}

Isa detect() {
  const Registers one = cpuid(1, 0);
  const Registers seven = cpuid(7, 0);
  const Registers seven_one = cpuid(7, 1);
  if (!bit(one.c, 27)) return Isa::kScalar;  // OSXSAVE
  const std::uint64_t state = enabled_state();
  const bool ymm = (state & 0x6) == 0x6;
  const bool zmm = (state & 0xe6) == 0xe6;
  if (!ymm || !bit(one.c, 28) || !bit(one.c, 12) || !bit(one.c, 29) || !bit(seven.b, 5) || !bit(seven.b, 3) ||
      !bit(seven.b, 8)) {
    return Isa::kScalar;  // AVX, FMA, F16C, AVX2, BMI1, BMI2
  }
  const bool avx512 =
      zmm && bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 28) && bit(seven.b, 30) && bit(seven.b, 31);
  if (!avx512) return Isa::kAvx2;  // F, DQ, CD, BW, VL
  if (!bit(seven.c, 11)) return Isa::kAvx512;
  return bit(seven_one.a, 5) ? Isa::kBf16 : Isa::kVnni;
}

constexpr std::string_view kNames[] = {"scalar", "avx2", "avx512", "vnni", "bf16"};

Isa cap(Isa isa) {
  const char* wanted = std::getenv("ORIEL_MAX_ISA");
  if (wanted == nullptr) return isa;
  for (int i = 0; i < 5; ++i) {
    if (kNames[i] == wanted && i < static_cast<int>(isa)) return static_cast<Isa>(i);
  }
  return isa;
}

std::int64_t size_or(int name, std::int64_t fallback) {
  const long value = sysconf(name);
  return value > 0 ? value : fallback;
}

}  // namespace

std::string_view isa_name(Isa isa) { return kNames[static_cast<int>(isa)]; }

Isa hardware_isa() {
  static const Isa isa = detect();
  return isa;
}

Isa max_isa() {
  static const Isa isa = cap(hardware_isa());
  return isa;
}

CacheSizes cache_sizes() {
  static const CacheSizes sizes{size_or(_SC_LEVEL1_DCACHE_SIZE, 32 << 10), size_or(_SC_LEVEL2_CACHE_SIZE, 1 << 20),
                                size_or(_SC_LEVEL3_CACHE_SIZE, 8 << 20)};
  return sizes;
}

}  // namespace oriel
