// Broadcasting of up to three operands reduced to rows: axes collapsed, inner strides 0 or 1.
#pragma once

#include <cstdint>

namespace oriel::kernels {

constexpr int kMaxBroadcastRank = 16;

/// The loop nest of an elementwise operation. Operand i steps by stride[i][axis] elements along an axis; along the last
/// axis that is 0 (one value for the whole row) or 1. The output is dense.
struct Broadcast {
  int operands = 0;
  int rank = 1;  ///< >= 1; the last axis is the row
  std::int64_t extent[kMaxBroadcastRank] = {};
  std::int64_t stride[3][kMaxBroadcastRank] = {};
  std::int64_t elements = 0;
};

/// Plans `operands` (1 to 3) shapes of rank `rank` (0 to kMaxBroadcastRank), aligned at the end and padded with leading
/// ones, each axis either of the output's extent or 1. Neighbouring axes that all operands walk alike are merged.
Broadcast plan_broadcast(int operands, int rank, const std::int64_t* out, const std::int64_t* const* shapes);

/// Calls row(offset_of_operand[3], output_offset, count) for the pieces of output elements [first, last), in order.
/// A piece never crosses a row.
template <typename Row>
void for_each_row(const Broadcast& b, std::int64_t first, std::int64_t last, Row row) {
  if (first >= last) return;
  const std::int64_t n = b.extent[b.rank - 1];
  std::int64_t index[kMaxBroadcastRank] = {};
  std::int64_t offset[3] = {0, 0, 0};
  std::int64_t rest = first / n;
  for (int axis = b.rank - 2; axis >= 0; --axis) {
    index[axis] = rest % b.extent[axis];
    rest /= b.extent[axis];
    for (int i = 0; i < b.operands; ++i) offset[i] += index[axis] * b.stride[i][axis];
  }
  std::int64_t column = first % n;
  for (std::int64_t at = first; at < last;) {
    const std::int64_t count = n - column < last - at ? n - column : last - at;
    const std::int64_t start[3] = {offset[0] + column * b.stride[0][b.rank - 1],
                                   offset[1] + column * b.stride[1][b.rank - 1],
                                   offset[2] + column * b.stride[2][b.rank - 1]};
    row(start, at, count);
    at += count;
    column = 0;
    for (int axis = b.rank - 2; axis >= 0; --axis) {
      for (int i = 0; i < b.operands; ++i) offset[i] += b.stride[i][axis];
      if (++index[axis] < b.extent[axis]) break;
      for (int i = 0; i < b.operands; ++i) offset[i] -= b.stride[i][axis] * b.extent[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace oriel::kernels
