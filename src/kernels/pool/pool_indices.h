// Maximum pooling that tells where the maxima stand, on plain arrays.
#pragma once

#include <cstdint>

#include "kernels/pool/pool.h"

namespace oriel::kernels {

/// Planes [first, last) of x[batch * channels][D][H][W]: y holds the maxima of the problem's windows and `indices`
/// where each stands in all of x, in row-major order or, with `column_major`, with the first spatial axis varying
/// fastest inside a plane of `rank` spatial axes. The first of equal elements counts, the first NaN above all; a window
/// that sees no element gives -infinity and -1. `indices` may be null.
void pool_max_indices(const PoolProblem& p, int rank, bool column_major, const float* x, float* y,
                      std::int64_t* indices, std::int64_t first, std::int64_t last);

}  // namespace oriel::kernels
