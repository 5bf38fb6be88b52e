// One body for every level.
#include "kernels/pool/pool_indices.h"

#include <algorithm>
#include <limits>

namespace oriel::kernels {
namespace {

struct Taps {
  std::int64_t start;
  std::int64_t first;
  std::int64_t last;
};

/// Taps of dimension d inside the input for output point `o`.
Taps taps_of(const PoolProblem& p, int d, std::int64_t o) {
  const std::int64_t start = o * p.stride[d] - p.pad[d];
  const auto before = [&](std::int64_t limit) {
    const std::int64_t count = start >= limit ? 0 : (limit - start + p.dilation[d] - 1) / p.dilation[d];
    return std::min(count, p.kernel[d]);
  };
  const std::int64_t first = before(0);
  return {start, first, std::max(first, before(p.in[d]))};
}

}  // namespace

void pool_max_indices(const PoolProblem& p, int rank, bool column_major, const float* x, float* y,
                      std::int64_t* indices, std::int64_t first, std::int64_t last) {
  const std::int64_t in_size = p.in[0] * p.in[1] * p.in[2];
  const std::int64_t out_size = p.out[0] * p.out[1] * p.out[2];
  for (std::int64_t plane = first; plane < last; ++plane) {
    const float* image = x + plane * in_size;
    std::int64_t at = plane * out_size;
    for (std::int64_t oz = 0; oz < p.out[0]; ++oz) {
      const Taps z = taps_of(p, 0, oz);
      for (std::int64_t oy = 0; oy < p.out[1]; ++oy) {
        const Taps v = taps_of(p, 1, oy);
        for (std::int64_t ox = 0; ox < p.out[2]; ++ox, ++at) {
          const Taps u = taps_of(p, 2, ox);
          float best = -std::numeric_limits<float>::infinity();
          std::int64_t where = -1;
          for (std::int64_t kz = z.first; kz < z.last; ++kz) {
            for (std::int64_t ky = v.first; ky < v.last; ++ky) {
              const std::int64_t row =
                  ((z.start + kz * p.dilation[0]) * p.in[1] + v.start + ky * p.dilation[1]) * p.in[2] + u.start;
              for (std::int64_t kx = u.first; kx < u.last; ++kx) {
                const std::int64_t offset = row + kx * p.dilation[2];
                const float value = image[offset];
                if (where < 0 || value > best || (value != value && best == best)) {
                  best = value;
                  where = offset;
                }
              }
            }
          }
          y[at] = best;
          if (indices == nullptr) continue;
          if (column_major && where >= 0) {
            std::int64_t rest = where;
            std::int64_t index[3];
            for (int d = 2; d >= 0; --d) {
              index[d] = rest % p.in[d];
              rest /= p.in[d];
            }
            where = 0;
            for (int d = 2; d >= 3 - rank; --d) where = where * p.in[d] + index[d];
          }
          indices[at] = where < 0 ? -1 : plane * in_size + where;
        }
      }
    }
  }
}

}  // namespace oriel::kernels
