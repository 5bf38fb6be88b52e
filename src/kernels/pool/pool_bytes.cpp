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

/// The greatest of the rows of a window for `count` neighbouring columns from the corner on, flipped.
void largest_of_columns(const Window& w, Bytes flip, std::int64_t count, std::uint8_t* best) {
  for (std::int64_t z = 0; z < w.count[0]; ++z) {
    for (std::int64_t y = 0; y < w.count[1]; ++y) {
      const std::uint8_t* from = w.corner + z * w.pitch[0] + y * w.pitch[1];
      const bool first = z + y == 0;
      for (std::int64_t i = 0; i < count * kBlock; i += kBlock) {
        Bytes v = load(from + i) ^ flip;
        if (!first) {
          const Bytes known = load(best + i);
          v = v > known ? v : known;
        }
        std::memcpy(best + i, &v, sizeof v);
      }
    }
  }
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

/// What all windows of one unit share.
struct Unit {
  const PoolProblem& p;
  const PoolBytes& bytes;
  Bytes flip;
  std::int32_t seen_zero;  // of bytes as they are flipped
  std::int64_t keep;       // real lanes
  const std::uint8_t* input;
  Window w;
  std::int64_t start[2];  // of the windows of this row, in depth and height
  std::int64_t top[2];    // their first taps inside the input
};

std::int64_t column_start(const PoolProblem& p, std::int64_t x) { return x * p.stride[2] - p.pad[2]; }

void set_corner(Unit& u, std::int64_t column) {
  const PoolProblem& p = u.p;
  const std::int64_t z = u.start[0] + u.top[0] * p.dilation[0];
  const std::int64_t y = u.start[1] + u.top[1] * p.dilation[1];
  u.w.corner = u.input + ((z * p.in[1] + y) * p.in[2] + column) * kBlock;
}

/// One row of maxima: first of columns, then along the row, a strip at a time.
void maximum_row(Unit& u, std::uint8_t* to) {
  const PoolProblem& p = u.p;
  constexpr std::int64_t kStrip = 256;
  alignas(64) std::uint8_t columns[kStrip * kBlock];
  const std::int64_t span = (p.kernel[2] - 1) * p.dilation[2] + 1;
  const std::int64_t outputs = span > kStrip ? 1 : (kStrip - span) / p.stride[2] + 1;
  const bool rows = u.w.count[0] * u.w.count[1] > 0;
  for (std::int64_t x0 = 0; x0 < p.out[2]; x0 += outputs) {
    const std::int64_t x1 = std::min(x0 + outputs, p.out[2]);
    const std::int64_t first = std::clamp<std::int64_t>(column_start(p, x0), 0, p.in[2]);
    const std::int64_t last = std::clamp<std::int64_t>(column_start(p, x1 - 1) + span, first, p.in[2]);
    const bool strip = rows && span <= kStrip && last > first;
    if (strip) {
      set_corner(u, first);
      largest_of_columns(u.w, u.flip, last - first, columns);
    }
    for (std::int64_t x = x0; x < x1; ++x) {
      const std::int64_t start = column_start(p, x);
      const Taps taps = taps_within(p, 2, start, 0, p.in[2]);
      Bytes best = {};
      if (rows && taps.count() > 0) {
        const std::int64_t column = start + taps.first * p.dilation[2];
        if (strip) {
          const std::uint8_t* from = columns + (column - first) * kBlock;
          best = load(from);
          for (std::int64_t k = 1; k < taps.count(); ++k) {
            const Bytes v = load(from + k * u.w.pitch[2]);
            best = v > best ? v : best;
          }
        } else {
          set_corner(u, column);
          u.w.count[2] = taps.count();
          best = largest(u.w, u.flip) ^ u.flip;
        }
      }
      best ^= u.flip;
      std::memcpy(to + x * kBlock, &best, sizeof best);
      for (std::int64_t l = u.keep; l < kBlock; ++l) to[x * kBlock + l] = 0;
    }
  }
}

/// One row of means, from element `at` of the output on.
void mean_row(Unit& u, void* output, std::int64_t at) {
  const PoolProblem& p = u.p;
  const Finish finish{u.bytes, u.keep};
  const bool including = p.kind == PoolKind::kAverageIncludingPad;
  std::int64_t padded = 1;
  for (int d = 0; including && d < 2; ++d)
    padded *= taps_within(p, d, u.start[d], -p.pad[d], p.in[d] + p.pad_end[d]).count();
  for (std::int64_t x = 0; x < p.out[2]; ++x) {
    const std::int64_t start = column_start(p, x);
    const Taps taps = taps_within(p, 2, start, 0, p.in[2]);
    u.w.count[2] = taps.count();
    const std::int64_t count = u.w.taps();
    const std::int64_t all =
        including ? padded * taps_within(p, 2, start, -p.pad[2], p.in[2] + p.pad_end[2]).count() : count;
    std::int32_t sums[kBlock] = {};
    if (count > 0) {
      set_corner(u, start + taps.first * p.dilation[2]);
      sum(u.w, u.flip, sums);
    }
    finish.mean(sums, count, all, u.seen_zero, output, at + x * kBlock);
  }
}

}  // namespace

void pool_bytes_run(const PoolPlan& plan, const PoolBytes& bytes, const void* input, void* output, std::int64_t first,
                    std::int64_t last) {
  const PoolProblem& p = plan.problem;
  const bool is_signed = bytes.input == ElementType::kI8;
  const std::int64_t rows = p.out[0] * p.out[1];
  const std::int64_t blocks = (p.channels + kBlock - 1) / kBlock;
  Unit u{p, bytes, {}, bytes.zero + (is_signed ? 128 : 0), 0, nullptr, {}, {}, {}};
  std::memset(&u.flip, is_signed ? 0x80 : 0, sizeof u.flip);
  u.w.pitch[2] = p.dilation[2] * kBlock;
  u.w.pitch[1] = p.dilation[1] * p.in[2] * kBlock;
  u.w.pitch[0] = p.dilation[0] * p.in[1] * p.in[2] * kBlock;
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t block = i / plan.bands;
    u.input = static_cast<const std::uint8_t*>(input) + block * p.in[0] * p.in[1] * p.in[2] * kBlock;
    u.keep = std::min(kBlock, p.channels - block % blocks * kBlock);
    const std::int64_t row0 = i % plan.bands * plan.rows;
    for (std::int64_t row = row0; row < std::min(row0 + plan.rows, rows); ++row) {
      const std::int64_t place[2] = {row / p.out[1], row % p.out[1]};
      for (int d = 0; d < 2; ++d) {
        u.start[d] = place[d] * p.stride[d] - p.pad[d];
        const Taps taps = taps_within(p, d, u.start[d], 0, p.in[d]);
        u.top[d] = taps.first;
        u.w.count[d] = taps.count();
      }
      const std::int64_t at = (block * rows + row) * p.out[2] * kBlock;
      if (p.kind == PoolKind::kMax) {
        maximum_row(u, static_cast<std::uint8_t*>(output) + at);
      } else {
        mean_row(u, output, at);
      }
    }
  }
}

}  // namespace oriel::kernels
