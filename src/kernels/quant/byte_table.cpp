// Choice between the loop and the shuffles; softmax of a row through a table of its own.
#include "kernels/quant/byte_table.h"

#include <algorithm>
#include <cstring>

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

void byte_softmax(const ByteSoftmax& f, const std::uint8_t* x, std::uint8_t* y, std::int64_t n, Isa isa) {
  if (isa >= Isa::kAvx512) return byte_softmax_avx512(f, x, y, n);
  const std::uint8_t flip = f.x_signed ? 0x80 : 0;
  std::uint8_t most = 0;
  for (std::int64_t i = 0; i < n; ++i) most = std::max(most, static_cast<std::uint8_t>(x[i] ^ flip));
  double sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (std::int64_t j = 0; j < 4; ++j) sums[j] += f.powers[most - (x[i + j] ^ flip)];
  }
  for (; i < n; ++i) sums[0] += f.powers[most - (x[i] ^ flip)];
  const double sum = sums[0] + sums[1] + sums[2] + sums[3];
  const auto factor = static_cast<float>(1.0 / (sum * static_cast<double>(f.y_scale)));
  const float low = f.y_signed ? -128.0F : 0.0F;
  const auto zero = static_cast<float>(f.y_zero);
  const auto byte_of = [&](float v) {
    // Adding and taking away 3 * 2^22 rounds to nearest even.
    constexpr float kRounder = 12582912.0F;
    const float rounded = (std::min(v, 1024.0F) + kRounder) - kRounder + zero;
    return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::min(std::max(rounded, low), low + 255.0F)));
  };
  // Results fall from the largest byte on; behind the last that rounds up from nothing all are alike.
  alignas(64) std::uint8_t table[256];
  std::memset(table, byte_of(0.0F), sizeof table);
  for (int below = 0; below <= most; ++below) {
    const float v = f.powers[below] * factor;
    if (v < 0.5F) break;
    table[(most - below) ^ flip] = byte_of(v);
  }
  map_bytes(table, x, y, n);
}

}  // namespace oriel::kernels
