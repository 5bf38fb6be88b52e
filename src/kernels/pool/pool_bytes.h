// Pooling of 8-bit integers over windows of the blocked layout [N][ceil(C / 16)][D][H][W][16].
#pragma once

#include <cstdint>

#include "base/element_type.h"
#include "kernels/pool/pool.h"

namespace oriel::kernels {

/// What joins a PoolProblem. Averages: y = scale * (mean of (x - zero)), where padding counts as zero reals; as f32, or
/// as bytes round(y) + output_zero, to nearest even and saturated. `scale` holds the output's scale too.
struct PoolBytes {
  ElementType input = ElementType::kU8;   ///< kU8 or kI8
  ElementType output = ElementType::kU8;  ///< kMax: the input's; averages: kU8, kI8 or kF32
  std::int32_t zero = 0;
  float scale = 1.0F;
  std::int32_t output_zero = 0;
};

/// Units [first, last) of pool_plan. Padded lanes of the output are zero bits. A window that sees no element gives the
/// type's lowest value (kMax) or a mean of 0. Sums are exact up to 2^23 elements a window.
void pool_bytes_run(const PoolPlan& plan, const PoolBytes& bytes, const void* input, void* output, std::int64_t first,
                    std::int64_t last);

}  // namespace oriel::kernels
