// The soft cap of an array.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

/// y[i] = cap * tanh(x[i] / cap) for i in [0, n), cap above 0. y may be x, otherwise they do not overlap; no alignment
/// needed; nothing past n is read or written. 0 stays 0 and NaN stays NaN. Error: 1e-6 * cap.
void soft_cap_f32(float cap, const float* x, float* y, std::int64_t n, Isa isa = max_isa());

}  // namespace oriel::kernels
