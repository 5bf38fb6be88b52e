// Products of quantised matrices: zero points and scales for all, a row of `a` or a column of `b`.
#pragma once

#include "ops/matmul_shape.h"
#include "ops/quantize.h"

namespace oriel::ops {

/// Which element of a zero point or scale of a matrix belongs to a row (of the left operand) or column (of the right
/// one): one for all, a vector with one each, or the matrix's shape with a 1 in place of the summed axis.
class LineMap {
 public:
  enum class Side : std::uint8_t { kLeft, kRight };
  /// Throws Error(kInvalidArgument) where the parameter's shape fits none of these.
  LineMap(const Dims& matrix, const Dims& parameter, Side side);
  /// The place for matrix `batch` of the operand and its row or column `line`.
  std::int64_t operator()(std::int64_t batch, std::int64_t line) const {
    return batch * batch_step_ + line * line_step_;
  }

 private:
  std::int64_t batch_step_ = 0;
  std::int64_t line_step_ = 0;
};

/// Inference: throws Error(kInvalidGraph) where a zero point or scale of a matrix cannot fit it.
void check_line_parameter(const Shape& matrix, const Shape& parameter, LineMap::Side side);

/// Calls store(output index, matrix of a, matrix of b, row, column, sum) for every element of the product of integer
/// matrices less their zero points (null: 0). Sums wrap around at 32 bits.
template <typename F>
void integer_matmul(const Tensor& a, const Tensor* a_zero, const Tensor& b, const Tensor* b_zero, const MatMulDims& d,
                    RunContext& context, F&& store) {
  const LineMap rows(a.dims(), a_zero != nullptr ? a_zero->dims() : Dims(), LineMap::Side::kLeft);
  const LineMap columns(b.dims(), b_zero != nullptr ? b_zero->dims() : Dims(), LineMap::Side::kRight);
  const std::int64_t per_a = std::max<std::int64_t>(d.m * d.k, 1);
  const std::int64_t per_b = std::max<std::int64_t>(d.n * d.k, 1);
  const std::vector<std::int64_t> p =
      centred(a, a_zero, context, [&](std::int64_t i) { return rows(i / per_a, i % per_a / d.k); });
  const std::vector<std::int64_t> q =
      centred(b, b_zero, context, [&](std::int64_t i) { return columns(i / per_b, i % d.n); });
  std::vector<std::int64_t> row(static_cast<std::size_t>(d.n));
  for_each_broadcast(d.batch_a, d.batch_b, d.batch, context, [&](std::int64_t o, std::int64_t ia, std::int64_t ib) {
    for (std::int64_t i = 0; i < d.m; ++i) {
      context.check();
      std::fill(row.begin(), row.end(), 0);
      for (std::int64_t l = 0; l < d.k; ++l) {
        const std::int64_t left = p[static_cast<std::size_t>((ia * d.m + i) * d.k + l)];
        const std::int64_t* right = q.data() + (ib * d.k + l) * d.n;
        for (std::int64_t j = 0; j < d.n; ++j) row[static_cast<std::size_t>(j)] += left * right[j];
      }
      for (std::int64_t j = 0; j < d.n; ++j)
        store((o * d.m + i) * d.n + j, ia, ib, i, j, wrap_i32(row[static_cast<std::size_t>(j)]));
    }
  });
}

}  // namespace oriel::ops
