// Plans strided copies and walks their outer axes.
#include "kernels/transpose/strided_copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "kernels/transpose/transpose_table.h"

namespace oriel::kernels {

const TransposeTable& transpose_table(Isa isa) {
  if (isa == Isa::kScalar) return kTransposeScalar;
  return isa == Isa::kAvx2 ? kTransposeAvx2 : kTransposeAvx512;
}

namespace {

struct Axis {
  std::int64_t extent;
  std::int64_t from;
  std::int64_t to;
};

constexpr std::int64_t kTile = 64;            // steps of the axis dense in y in one unit of tiles
constexpr std::int64_t kTileElements = 4096;  // and as many more as give this many elements
constexpr std::int64_t kRunBytes = 1 << 16;
constexpr std::int64_t kElementRun = 4096;

// Outermost first in y's order. By insertion: there are few axes, and the standard's stable sort allocates.
void sort_by_target(Axis* axes, int count) {
  for (int i = 1; i < count; ++i) {
    const Axis axis = axes[i];
    int at = i;
    for (; at > 0 && std::abs(axes[at - 1].to) < std::abs(axis.to); --at) axes[at] = axes[at - 1];
    axes[at] = axis;
  }
}

void remove_axis(Axis* axes, int& rank, int at) {
  std::copy(axes + at + 1, axes + rank, axes + at);
  --rank;
}

template <typename T>
void copy_elements(const char* x, std::int64_t from, char* y, std::int64_t to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    T value;
    std::memcpy(&value, x + i * from, sizeof(T));
    std::memcpy(y + i * to, &value, sizeof(T));
  }
}

struct Wide {
  std::uint64_t low, high;
};

void copy_single(std::int64_t element, const char* x, std::int64_t from, char* y, std::int64_t to, std::int64_t n) {
  switch (element) {
    case 1:
      return copy_elements<std::uint8_t>(x, from, y, to, n);
    case 2:
      return copy_elements<std::uint16_t>(x, from, y, to, n);
    case 4:
      return copy_elements<std::uint32_t>(x, from, y, to, n);
    case 8:
      return copy_elements<std::uint64_t>(x, from, y, to, n);
    default:
      return copy_elements<Wide>(x, from, y, to, n);
  }
}

template <typename T>
bool fits(std::int64_t from, std::int64_t to, const void* x, const void* y) {
  const auto size = static_cast<std::int64_t>(sizeof(T));
  return from % size == 0 && to % size == 0 && reinterpret_cast<std::uintptr_t>(x) % alignof(T) == 0 &&
         reinterpret_cast<std::uintptr_t>(y) % alignof(T) == 0;
}

template <typename T>
bool tiles_of(TransposeFn<T> fn, const char* x, std::int64_t from, char* y, std::int64_t to, std::int64_t np,
              std::int64_t nq) {
  if (!fits<T>(from, to, x, y)) return false;
  fn(reinterpret_cast<const T*>(x), from / static_cast<std::int64_t>(sizeof(T)), reinterpret_cast<T*>(y),
     to / static_cast<std::int64_t>(sizeof(T)), np, nq);
  return true;
}

void copy_tiles(const StridedCopy& p, Isa isa, const char* x, char* y, std::int64_t np) {
  bool done = false;
  switch (p.element) {
    case 1: {
      const bool few = p.inner_from == p.inner[1] && p.inner[1] >= 2 && p.inner[1] <= kMostInterleaved;
      const TransposeFn<std::uint8_t> apart = transpose_table(isa).interleaved_bytes;
      done = tiles_of<std::uint8_t>(few && apart != nullptr ? apart : transpose_1, x, p.inner_from, y, p.inner_to, np,
                                    p.inner[1]);
      break;
    } break;
    case 2:
      done = tiles_of<std::uint16_t>(transpose_2, x, p.inner_from, y, p.inner_to, np, p.inner[1]);
      break;
    case 4:
      done = tiles_of<std::uint32_t>(transpose_table(isa).four_bytes, x, p.inner_from, y, p.inner_to, np, p.inner[1]);
      break;
    case 8:
      done = tiles_of<std::uint64_t>(transpose_8, x, p.inner_from, y, p.inner_to, np, p.inner[1]);
      break;
    default:
      break;
  }
  if (done) return;
  for (std::int64_t q = 0; q < p.inner[1]; ++q) {
    copy_single(p.element, x + q * p.element, p.inner_from, y + q * p.inner_to, p.element, np);
  }
}

}  // namespace

StridedCopy plan_strided_copy(int rank, const std::int64_t* extent, const std::int64_t* from, const std::int64_t* to,
                              int element_bytes) {
  StridedCopy plan;
  plan.element = element_bytes;
  Axis axes[kMaxCopyRank];
  int count = 0;
  for (int i = 0; i < rank; ++i) {
    if (extent[i] == 0) return plan;
    if (extent[i] != 1) axes[count++] = {extent[i], from[i] * element_bytes, to[i] * element_bytes};
  }
  // Writes go forward, and neighbours can merge.
  sort_by_target(axes, count);
  for (int i = count - 1; i > 0; --i) {
    if (axes[i - 1].from == axes[i].from * axes[i].extent && axes[i - 1].to == axes[i].to * axes[i].extent) {
      axes[i - 1] = {axes[i].extent * axes[i - 1].extent, axes[i].from, axes[i].to};
      remove_axis(axes, count, i);
    }
  }
  if (count > 0 && axes[count - 1].from == plan.element && axes[count - 1].to == plan.element) {
    plan.element *= axes[count - 1].extent;
    --count;
  }
  const bool single =
      plan.element == 1 || plan.element == 2 || plan.element == 4 || plan.element == 8 || plan.element == 16;
  if (single && count > 0) {
    int dense = -1;
    for (int i = 0; i < count - 1; ++i) {
      if (axes[i].from == plan.element) dense = i;
    }
    if (axes[count - 1].to == plan.element && dense >= 0) {
      plan.kind = StridedCopy::Kind::kTiles;
      plan.inner[0] = axes[count - 1].extent;
      plan.inner_from = axes[count - 1].from;
      plan.inner[1] = axes[dense].extent;
      plan.inner_to = axes[dense].to;
      plan.unit_inner = std::max(kTile, kTileElements / plan.inner[1] / kTile * kTile);
      remove_axis(axes, count, count - 1);
      remove_axis(axes, count, dense);
    } else {
      plan.kind = StridedCopy::Kind::kElements;
      plan.inner[0] = axes[count - 1].extent;
      plan.inner_from = axes[count - 1].from;
      plan.inner_to = axes[count - 1].to;
      plan.unit_inner = kElementRun;
      --count;
    }
  }
  if (plan.kind == StridedCopy::Kind::kRuns) {
    plan.inner[0] = plan.element;
    plan.unit_inner = kRunBytes;
  }
  plan.rank = count;
  plan.units = (plan.inner[0] + plan.unit_inner - 1) / plan.unit_inner;
  for (int i = 0; i < count; ++i) {
    plan.extent[i] = axes[i].extent;
    plan.from[i] = axes[i].from;
    plan.to[i] = axes[i].to;
    plan.units *= axes[i].extent;
  }
  return plan;
}

StridedCopy plan_transpose(int rank, const std::int64_t* extent, const int* order, int element_bytes) {
  std::int64_t dense[kMaxCopyRank];
  std::int64_t out[kMaxCopyRank];
  std::int64_t from[kMaxCopyRank];
  std::int64_t to[kMaxCopyRank];
  std::int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    dense[i] = stride;
    stride *= extent[i];
  }
  stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    out[i] = extent[order[i]];
    from[i] = dense[order[i]];
    to[i] = stride;
    stride *= out[i];
  }
  return plan_strided_copy(rank, out, from, to, element_bytes);
}

void strided_copy(const StridedCopy& p, const void* x, void* y, std::int64_t first, std::int64_t last, Isa isa) {
  if (first >= last) return;
  const std::int64_t blocks = (p.inner[0] + p.unit_inner - 1) / p.unit_inner;
  std::int64_t index[kMaxCopyRank] = {};
  const char* from = static_cast<const char*>(x);
  char* to = static_cast<char*>(y);
  std::int64_t rest = first / blocks;
  for (int i = p.rank - 1; i >= 0; --i) {
    index[i] = rest % p.extent[i];
    rest /= p.extent[i];
    from += index[i] * p.from[i];
    to += index[i] * p.to[i];
  }
  std::int64_t block = first % blocks;
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t at = block * p.unit_inner;
    const std::int64_t n = std::min(p.unit_inner, p.inner[0] - at);
    switch (p.kind) {
      case StridedCopy::Kind::kRuns:
        std::memcpy(to + at, from + at, static_cast<std::size_t>(n));
        break;
      case StridedCopy::Kind::kTiles:
        copy_tiles(p, isa, from + at * p.inner_from, to + at * p.element, n);
        break;
      case StridedCopy::Kind::kElements:
        copy_single(p.element, from + at * p.inner_from, p.inner_from, to + at * p.inner_to, p.inner_to, n);
        break;
    }
    if (++block < blocks) continue;
    block = 0;
    for (int i = p.rank - 1; i >= 0; --i) {
      from += p.from[i];
      to += p.to[i];
      if (++index[i] < p.extent[i]) break;
      from -= p.from[i] * p.extent[i];
      to -= p.to[i] * p.extent[i];
      index[i] = 0;
    }
  }
}

bool gather_rows(const void* table, std::int64_t rows, std::int64_t row_bytes, const void* indices, bool wide,
                 std::int64_t first, std::int64_t last, void* out) {
  const char* from = static_cast<const char*>(table);
  char* to = static_cast<char*>(out);
  for (std::int64_t i = first; i < last; ++i) {
    std::int64_t at =
        wide ? static_cast<const std::int64_t*>(indices)[i] : static_cast<const std::int32_t*>(indices)[i];
    if (at < 0) at += rows;
    if (at < 0 || at >= rows) return false;
    if (row_bytes == 4) {
      std::memcpy(to + i * 4, from + at * 4, 4);
    } else {
      std::memcpy(to + i * row_bytes, from + at * row_bytes, static_cast<std::size_t>(row_bytes));
    }
  }
  return true;
}

}  // namespace oriel::kernels
