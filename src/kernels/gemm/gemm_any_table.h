// What each instruction-set level offers to the matrix products of f64 and integers.
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm_any.h"

namespace oriel::kernels {

/// Rows [first, last) of a product of f64 (kF64), of 32-bit words (kI32, kU32) or of 64-bit words.
using GemmAnyFunction = void (*)(const GemmAny& g, std::int64_t first, std::int64_t last);

extern const GemmAnyFunction kGemmAnyScalar;
extern const GemmAnyFunction kGemmAnyAvx2;
extern const GemmAnyFunction kGemmAnyAvx512;

}  // namespace oriel::kernels
