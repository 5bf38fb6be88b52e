// What products of bf16 pairs have besides their tiles: operands and results that lie in memory as bf16.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace oriel::kernels {

/// As pack_a and pack_b of kGemmBf16 (GemmF32Table), from elements that are bf16 already.
struct GemmBf16Rows {
  void (*pack_a)(const std::uint16_t* a, std::int64_t lda, int rows, std::int64_t k, float* packed);
  void (*pack_b)(const std::uint16_t* b, std::int64_t ldb, bool transposed, std::int64_t k, int columns, int width,
                 float* packed);
  /// y = f(x) rounded to nearest even, subnormals to zero: rows of n elements. f is none, or a GELU, which is within
  /// 7e-5 of its value before it is rounded.
  void (*round)(const Activation& f, const float* x, std::int64_t x_stride, std::uint16_t* y, std::int64_t y_stride,
                std::int64_t rows, std::int64_t n);
};

extern const GemmBf16Rows kGemmBf16Rows;

}  // namespace oriel::kernels
