// Shapes of matrix products as numpy's matmul has them, for every operator that multiplies matrices.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Shape of the product; Error(kInvalidGraph) where the operands are certain not to fit.
Shape matmul_shape(const Shape& a, const Shape& b);

/// The product of concrete shapes: [batch_a..., m, k] x [batch_b..., k, n] -> [batch..., m, n].
struct MatMulDims {
  Dims batch_a;
  Dims batch_b;
  Dims batch;
  std::int64_t m;
  std::int64_t k;
  std::int64_t n;
  /// The product's dimensions: without the ones that vectors were given.
  Dims out;

  /// Throws Error(kInvalidArgument) where the operands do not fit.
  MatMulDims(const Dims& a, const Dims& b);
};

}  // namespace oriel::ops
