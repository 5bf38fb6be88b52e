// Rearranges by transposes of 16 channels against points.
#include "kernels/reorder/reorder.h"

#include <algorithm>

#include "kernels/transpose/transpose_table.h"

namespace oriel::kernels {
namespace {

constexpr std::int64_t kBlock = 16;
constexpr std::int64_t kUnitPoints = 4096;

/// to[i * to_pitch + j] = from[j * from_pitch + i], i < rows, j < columns.
template <typename T>
void transpose(const T* from, std::int64_t from_pitch, T* to, std::int64_t to_pitch, std::int64_t rows,
               std::int64_t columns) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) to[i * to_pitch + j] = from[j * from_pitch + i];
  }
}

template <>
void transpose<float>(const float* from, std::int64_t from_pitch, float* to, std::int64_t to_pitch, std::int64_t rows,
                      std::int64_t columns) {
  transpose_table(max_isa()).four_bytes(reinterpret_cast<const std::uint32_t*>(from), from_pitch,
                                        reinterpret_cast<std::uint32_t*>(to), to_pitch, columns, rows);
}

struct Unit {
  std::int64_t plain, blocked;  // offsets of its first element
  std::int64_t channels, points;
};

Unit unit_of(const ReorderShape& shape, std::int64_t u) {
  const std::int64_t chunks = (shape.points + kUnitPoints - 1) / kUnitPoints;
  const std::int64_t blocks = (shape.channels + kBlock - 1) / kBlock;
  const std::int64_t point = u % chunks * kUnitPoints;
  const std::int64_t block = u / chunks % blocks;
  const std::int64_t n = u / chunks / blocks;
  Unit unit;
  unit.plain = (n * shape.channels + block * kBlock) * shape.points + point;
  unit.blocked = ((n * blocks + block) * shape.points + point) * kBlock;
  unit.channels = std::min(kBlock, shape.channels - block * kBlock);
  unit.points = std::min(kUnitPoints, shape.points - point);
  return unit;
}

}  // namespace

std::int64_t reorder_units(const ReorderShape& shape) {
  return shape.batch * ((shape.channels + kBlock - 1) / kBlock) * ((shape.points + kUnitPoints - 1) / kUnitPoints);
}

template <typename T>
void plain_to_blocked(const ReorderShape& shape, const T* plain, T* blocked, std::int64_t first, std::int64_t last) {
  for (std::int64_t u = first; u < last; ++u) {
    const Unit unit = unit_of(shape, u);
    T* to = blocked + unit.blocked;
    transpose<T>(plain + unit.plain, shape.points, to, kBlock, unit.points, unit.channels);
    if (unit.channels == kBlock) continue;
    for (std::int64_t p = 0; p < unit.points; ++p) {
      std::fill(to + p * kBlock + unit.channels, to + (p + 1) * kBlock, T{});
    }
  }
}

template <typename T>
void blocked_to_plain(const ReorderShape& shape, const T* blocked, T* plain, std::int64_t first, std::int64_t last) {
  for (std::int64_t u = first; u < last; ++u) {
    const Unit unit = unit_of(shape, u);
    transpose<T>(blocked + unit.blocked, kBlock, plain + unit.plain, shape.points, unit.channels, unit.points);
  }
}

template void plain_to_blocked<float>(const ReorderShape&, const float*, float*, std::int64_t, std::int64_t);
template void plain_to_blocked<std::uint16_t>(const ReorderShape&, const std::uint16_t*, std::uint16_t*, std::int64_t,
                                              std::int64_t);
template void plain_to_blocked<std::uint8_t>(const ReorderShape&, const std::uint8_t*, std::uint8_t*, std::int64_t,
                                             std::int64_t);
template void blocked_to_plain<float>(const ReorderShape&, const float*, float*, std::int64_t, std::int64_t);
template void blocked_to_plain<std::uint16_t>(const ReorderShape&, const std::uint16_t*, std::uint16_t*, std::int64_t,
                                              std::int64_t);
template void blocked_to_plain<std::uint8_t>(const ReorderShape&, const std::uint8_t*, std::uint8_t*, std::int64_t,
                                             std::int64_t);

}  // namespace oriel::kernels
