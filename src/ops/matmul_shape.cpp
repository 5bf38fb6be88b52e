// Shapes of matrix products.
#include "ops/matmul_shape.h"

namespace oriel::ops {

Shape matmul_shape(const Shape& a, const Shape& b) {
  if (!a.is_ranked() || !b.is_ranked()) return Shape::unranked();
  if (a.rank() == 0 || b.rank() == 0) {
    fail(ErrorCode::kInvalidGraph, "operands of shapes {} and {}, expected rank 1 or more", a.to_string(),
         b.to_string());
  }
  std::vector<Dim> x = a.dims();
  std::vector<Dim> y = b.dims();
  if (a.rank() == 1) x.insert(x.begin(), Dim(1));
  if (b.rank() == 1) y.emplace_back(1);
  if (!x.back().may_equal(y[y.size() - 2])) {
    fail(ErrorCode::kInvalidGraph, "operands of shapes {} and {}: {} columns against {} rows", a.to_string(),
         b.to_string(), x.back().to_string(), y[y.size() - 2].to_string());
  }
  Shape out =
      broadcast(Shape(std::vector<Dim>(x.begin(), x.end() - 2)), Shape(std::vector<Dim>(y.begin(), y.end() - 2)));
  if (a.rank() > 1) out.dims().push_back(x[x.size() - 2]);
  if (b.rank() > 1) out.dims().push_back(y.back());
  return out;
}

MatMulDims::MatMulDims(const Dims& a, const Dims& b) {
  ORIEL_REQUIRE(!a.empty() && !b.empty(), "operands of shapes {} and {}, expected rank 1 or more", to_string(a),
                to_string(b));
  Dims x = a;
  Dims y = b;
  if (a.size() == 1) x.insert(x.begin(), 1);
  if (b.size() == 1) y.push_back(1);
  m = x[x.size() - 2];
  k = x.back();
  n = y.back();
  ORIEL_REQUIRE(y[y.size() - 2] == k, "operands of shapes {} and {}: {} columns against {} rows", to_string(a),
                to_string(b), k, y[y.size() - 2]);
  batch_a = Dims(x.begin(), x.end() - 2);
  batch_b = Dims(y.begin(), y.end() - 2);
  batch = broadcast(batch_a, batch_b);
  out = batch;
  if (a.size() > 1) out.push_back(m);
  if (b.size() > 1) out.push_back(n);
}

}  // namespace oriel::ops
