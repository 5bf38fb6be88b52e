// Deals rows and column blocks of softmax to the level's kernels.
#include "kernels/softmax/softmax.h"

#include <algorithm>

#include "kernels/softmax/softmax_table.h"

namespace oriel::kernels {
namespace {

const SoftmaxTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kSoftmaxScalar;
  return isa == Isa::kAvx2 ? kSoftmaxAvx2 : kSoftmaxAvx512;
}

std::int64_t blocks_of(const SoftmaxShape& shape) { return (shape.inner + kSoftmaxColumns - 1) / kSoftmaxColumns; }

void run(const SoftmaxShape& s, const float* x, float* y, std::int64_t first, std::int64_t last, bool log, Isa isa) {
  const SoftmaxTable& t = table_of(isa);
  if (s.axis <= 0) return;
  if (s.inner == 1) {
    for (std::int64_t r = first; r < last; ++r) t.row(x + r * s.axis, y + r * s.axis, s.axis, log);
    return;
  }
  const std::int64_t blocks = blocks_of(s);
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t column = u % blocks * kSoftmaxColumns;
    const std::int64_t at = u / blocks * s.axis * s.inner + column;
    const int columns = static_cast<int>(std::min(kSoftmaxColumns, s.inner - column));
    t.columns(x + at, y + at, s.axis, s.inner, columns, log);
  }
}

}  // namespace

std::int64_t softmax_units(const SoftmaxShape& shape) {
  if (shape.outer <= 0 || shape.axis <= 0 || shape.inner <= 0) return 0;
  return shape.inner == 1 ? shape.outer : shape.outer * blocks_of(shape);
}

void softmax_f32(const SoftmaxShape& shape, const float* x, float* y, std::int64_t first, std::int64_t last, Isa isa) {
  run(shape, x, y, first, last, false, isa);
}

void log_softmax_f32(const SoftmaxShape& shape, const float* x, float* y, std::int64_t first, std::int64_t last,
                     Isa isa) {
  run(shape, x, y, first, last, true, isa);
}

}  // namespace oriel::kernels
