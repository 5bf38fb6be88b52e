// Choice between the loop and the shuffles.
#include "kernels/quant/byte_table.h"

namespace oriel::kernels {

bool has_byte_shuffles() {
  static const bool has = __builtin_cpu_supports("avx512vbmi") != 0;
  return has;
}

void map_bytes(const std::uint8_t* table, const void* x, void* y, std::int64_t n, Isa isa) {
  const auto* from = static_cast<const std::uint8_t*>(x);
  auto* to = static_cast<std::uint8_t*>(y);
  if (isa >= Isa::kAvx512 && has_byte_shuffles()) return map_bytes_avx512(table, from, to, n);
  for (std::int64_t i = 0; i < n; ++i) to[i] = table[from[i]];
}

}  // namespace oriel::kernels
