// Between the plain layout [N][C][points] and the blocked one [N][ceil(C / 16)][points][16].
#pragma once

#include <cstdint>

namespace oriel::kernels {

/// One tensor to rearrange; `points` is the product of its spatial extents.
struct ReorderShape {
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  std::int64_t points = 1;
};

/// Independent units of work, each a few thousand points of one block of 16 channels.
std::int64_t reorder_units(const ReorderShape& shape);

/// blocked[n][c / 16][p][c % 16] = plain[n][c][p] for units [first, last); lanes beyond the channels become zero. The
/// buffers do not overlap; no alignment is needed. Elements are copied bit by bit; T is float, uint16_t (f16, bf16) or
/// uint8_t.
template <typename T>
void plain_to_blocked(const ReorderShape& shape, const T* plain, T* blocked, std::int64_t first, std::int64_t last);

/// plain[n][c][p] = blocked[n][c / 16][p][c % 16] for units [first, last). The same terms.
template <typename T>
void blocked_to_plain(const ReorderShape& shape, const T* blocked, T* plain, std::int64_t first, std::int64_t last);

}  // namespace oriel::kernels
