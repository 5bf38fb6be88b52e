// What the processor and the operating system let kernels use, decided once per process.
#pragma once

#include <cstdint>
#include <string_view>

namespace oriel {

/// Levels of instruction sets, each containing the ones before it. Kernels are compiled once per level they serve.
enum class Isa : std::uint8_t { kScalar, kAvx2, kAvx512, kVnni, kBf16 };

/// "scalar", "avx2", "avx512", "vnni", "bf16".
std::string_view isa_name(Isa isa);

/// Cache sizes in bytes, as CPUID (or sysfs) states them; fallbacks of 32 KiB, 1 MiB and 8 MiB where it does not.
struct CacheSizes {
  std::int64_t l1d;
  std::int64_t l2;
  std::int64_t l3;
};

/// The highest level that this processor and this operating system (XCR0) support together, not above the
/// environment variable ORIEL_MAX_ISA (one of the names above; an unknown name is ignored). Read once.
Isa max_isa();

/// The highest level that the hardware and the operating system support, ignoring ORIEL_MAX_ISA.
Isa hardware_isa();

CacheSizes cache_sizes();

}  // namespace oriel
