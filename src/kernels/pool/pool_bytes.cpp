// One body for every level: 16 bytes of a block are one vector of the baseline.
#include "kernels/pool/pool_bytes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace oriel::kernels {
namespace {

using Bytes = std::uint8_t __attribute__((vector_size(16)));
using Words = std::uint16_t __attribute__((vector_size(32)));
using Sums = std::int32_t __attribute__((vector_size(64)));
constexpr std::int64_t kBlock = 16;
// Bytes whose sum fits 16 bits.
constexpr std::int64_t kWordTaps = 257;

inline Bytes load(const std::uint8_t* p) {
  Bytes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// The taps of dimension d in [low, high) for a window that starts at `start`.
struct Taps {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t count() const { return last - first; }
};

Taps taps_within(const PoolProblem& p, int d, std::int64_t start, std::int64_t low, std::int64_t high) {
  const std::int64_t step = p.dilation[d];
  const auto before = [&](std::int64_t limit) {
    const std::int64_t distance = std::max<std::int64_t>(limit - start, 0);
    return std::min(step == 1 ? distance : (distance + step - 1) / step, p.kernel[d]);
  };
  const Taps t{before(low), before(high)};
  return {std::min(t.first, t.last), t.last};
}

/// One window: its first tap inside the input, and how many there are.
struct Window {
  const std::uint8_t* corner;
  std::int64_t count[3];
  std::int64_t pitch[3];  // bytes
  std::int64_t taps() const { return count[0] * count[1] * count[2]; }
};

Bytes largest(const Window& w, Bytes flip) {
  Bytes best = load(w.corner) ^ flip;
  for (std::int64_t z = 0; z < w.count[0]; ++z) {
    for (std::int64_t y = 0; y < w.count[1]; ++y) {
      const std::uint8_t* from = w.corner + z * w.pitch[0] + y * w.pitch[1];
      for (std::int64_t x = 0; x < w.count[2]; ++x, from += w.pitch[2]) {
        const Bytes v = load(from) ^ flip;
        best = v > best ? v : best;
      }
    }
  }
  return best ^ flip;
}

/// Sums of the 16 lanes.
void sum(const Window& w, Bytes flip, std::int32_t* sums) {
  Sums total = {};
  Words part = {};
  std::int64_t room = kWordTaps;
  const auto spill = [&] {
    total += __builtin_convertvector(part, Sums);
    part = Words{};
    room = kWordTaps;
  };
  for (std::int64_t z = 0; z < w.count[0]; ++z) {
    for (std::int64_t y = 0; y < w.count[1]; ++y) {
      const std::uint8_t* from = w.corner + z * w.pitch[0] + y * w.pitch[1];
      for (std::int64_t x = 0; x < w.count[2];) {
        const std::int64_t n = std::min(room, w.count[2] - x);
        for (std::int64_t i = 0; i < n; ++i, from += w.pitch[2])
          part += __builtin_convertvector(load(from) ^ flip, Words);
        room -= n;
        x += n;
        if (room == 0) spill();
      }
    }
  }
  spill();
  std::memcpy(sums, &total, sizeof total);
}

struct Finish {
  const PoolBytes& bytes;
  std::int64_t keep;

  // `offset` is what the zero point adds to a sum of `taps` elements.
  void mean(const std::int32_t* sums, std::int64_t taps, std::int64_t divisor, std::int32_t seen_zero, void* output,
            std::int64_t at) const {
    const float factor = divisor > 0 ? bytes.scale / static_cast<float>(divisor) : 0.0F;
    const auto offset = static_cast<std::int32_t>(taps * seen_zero);
    float y[kBlock];
    for (std::int64_t l = 0; l < kBlock; ++l) y[l] = static_cast<float>(sums[l] - offset) * factor;
    if (bytes.output == ElementType::kF32) {
      float* to = static_cast<float*>(output) + at;
      for (std::int64_t l = 0; l < kBlock; ++l) to[l] = l < keep ? y[l] : 0.0F;
      return;
    }
    const float low = bytes.output == ElementType::kU8 ? 0.0F : -128.0F;
    const auto zero = static_cast<float>(bytes.output_zero);
    // Adding and taking away 3 * 2^22 rounds to nearest even.
    constexpr float kRounder = 12582912.0F;
    auto* to = static_cast<std::uint8_t*>(output) + at;
    for (std::int64_t l = 0; l < kBlock; ++l) {
      const float bounded = std::min(std::max(y[l], -1024.0F), 1024.0F);
      const float rounded = (bounded + kRounder) - kRounder;
      const float q = std::min(std::max(rounded + zero, low), low + 255.0F);
      to[l] = l < keep ? static_cast<std::uint8_t>(static_cast<std::int32_t>(q)) : 0;
    }
  }
};

}  // namespace

void pool_bytes_run(const PoolPlan& plan, const PoolBytes& bytes, const void* input, void* output, std::int64_t first,
                    std::int64_t last) {
  const PoolProblem& p = plan.problem;
  const bool maximum = p.kind == PoolKind::kMax;
  const bool including = p.kind == PoolKind::kAverageIncludingPad;
  const bool is_signed = bytes.input == ElementType::kI8;
  Bytes flip;
  std::memset(&flip, is_signed ? 0x80 : 0, sizeof flip);
  const std::int32_t seen_zero = bytes.zero + (is_signed ? 128 : 0);
  const std::int64_t rows = p.out[0] * p.out[1];
  const std::int64_t blocks = (p.channels + kBlock - 1) / kBlock;
  const std::int64_t in_points = p.in[0] * p.in[1] * p.in[2];
  Window w{};
  w.pitch[2] = p.dilation[2] * kBlock;
  w.pitch[1] = p.dilation[1] * p.in[2] * kBlock;
  w.pitch[0] = p.dilation[0] * p.in[1] * p.in[2] * kBlock;
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t block = u / plan.bands;
    const std::uint8_t* plane = static_cast<const std::uint8_t*>(input) + block * in_points * kBlock;
    const Finish finish{bytes, std::min(kBlock, p.channels - block % blocks * kBlock)};
    const std::int64_t row0 = u % plan.bands * plan.rows;
    const std::int64_t row1 = std::min(row0 + plan.rows, rows);
    for (std::int64_t row = row0; row < row1; ++row) {
      std::int64_t start[3] = {row / p.out[1] * p.stride[0] - p.pad[0], row % p.out[1] * p.stride[1] - p.pad[1], 0};
      Taps taps[3] = {taps_within(p, 0, start[0], 0, p.in[0]), taps_within(p, 1, start[1], 0, p.in[1]), {}};
      std::int64_t padded = 1;
      for (int d = 0; including && d < 2; ++d)
        padded *= taps_within(p, d, start[d], -p.pad[d], p.in[d] + p.pad_end[d]).count();
      for (std::int64_t x = 0; x < p.out[2]; ++x) {
        const std::int64_t at = ((block * rows + row) * p.out[2] + x) * kBlock;
        start[2] = x * p.stride[2] - p.pad[2];
        taps[2] = taps_within(p, 2, start[2], 0, p.in[2]);
        std::int64_t index = 0;
        for (int d = 0; d < 3; ++d) {
          w.count[d] = taps[d].count();
          index = index * p.in[d] + start[d] + taps[d].first * p.dilation[d];
        }
        const std::int64_t count = w.taps();
        if (count > 0) w.corner = plane + index * kBlock;
        if (maximum) {
          auto* to = static_cast<std::uint8_t*>(output) + at;
          const Bytes best = count > 0 ? largest(w, flip) : Bytes{} ^ flip;
          std::memcpy(to, &best, sizeof best);
          for (std::int64_t l = finish.keep; l < kBlock; ++l) to[l] = 0;
          continue;
        }
        const std::int64_t all =
            including ? padded * taps_within(p, 2, start[2], -p.pad[2], p.in[2] + p.pad_end[2]).count() : count;
        std::int32_t sums[kBlock] = {};
        if (count > 0) sum(w, flip, sums);
        finish.mean(sums, count, all, seen_zero, output, at);
      }
    }
  }
}

}  // namespace oriel::kernels
