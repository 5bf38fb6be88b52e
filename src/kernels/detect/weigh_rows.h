// Weighted sums of rows of a table: points of images whose channels stand last.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

/// y[i] = sum over t of weight[t] * x[index[t] + i] for i in [0, n), in f32 in the order of t; zeros where there are no
/// taps. No alignment needed; nothing past n is read or written.
void weigh_rows(const float* x, const std::int64_t* index, const float* weight, int taps, std::int64_t n, float* y,
                Isa isa = max_isa());

/// One function a level. Internal.
using WeighRows = void (*)(const float* x, const std::int64_t* index, const float* weight, int taps, std::int64_t n,
                           float* y);
extern const WeighRows kWeighRowsScalar;
extern const WeighRows kWeighRowsAvx2;
extern const WeighRows kWeighRowsAvx512;

}  // namespace oriel::kernels
