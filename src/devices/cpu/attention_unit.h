// What an attention step takes in of its neighbours.
#pragma once

#include "devices/cpu/lowering.h"
#include "devices/cpu/strided_view.h"

namespace oriel::cpu {

/// Where Q, K and V lie, and how the result does.
struct AttentionUnit {
  StridedView operands[3];
  /// The unit's output is [batch, queries, heads, size]: a Transpose behind the node is taken in.
  bool heads_last = false;
};

}  // namespace oriel::cpu
