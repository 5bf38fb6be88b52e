// Collapses the axes of broadcast operands.
#include "kernels/elementwise/broadcast.h"

namespace oriel::kernels {

Broadcast plan_broadcast(int operands, int rank, const std::int64_t* out, const std::int64_t* const* shapes) {
  Broadcast b;
  b.operands = operands;
  b.elements = 1;
  for (int axis = 0; axis < rank; ++axis) b.elements *= out[axis];

  // From the last axis outwards, in reverse order first.
  std::int64_t dense[3] = {1, 1, 1};
  int count = 0;
  std::int64_t extent[kMaxBroadcastRank];
  std::int64_t stride[3][kMaxBroadcastRank];
  for (int axis = rank - 1; axis >= 0; --axis) {
    std::int64_t step[3] = {0, 0, 0};
    for (int i = 0; i < operands; ++i) {
      if (shapes[i][axis] != 1) step[i] = dense[i];
      dense[i] *= shapes[i][axis];
    }
    if (out[axis] == 1) continue;
    bool merges = count > 0;
    for (int i = 0; i < operands && merges; ++i) merges = step[i] == stride[i][count - 1] * extent[count - 1];
    if (merges) {
      extent[count - 1] *= out[axis];
      continue;
    }
    extent[count] = out[axis];
    for (int i = 0; i < operands; ++i) stride[i][count] = step[i];
    ++count;
  }
  if (count == 0) {
    extent[0] = 1;
    for (int i = 0; i < operands; ++i) stride[i][0] = 0;
    count = 1;
  }
  b.rank = count;
  for (int axis = 0; axis < count; ++axis) {
    b.extent[axis] = extent[count - 1 - axis];
    for (int i = 0; i < operands; ++i) b.stride[i][axis] = stride[i][count - 1 - axis];
  }
  return b;
}

}  // namespace oriel::kernels
