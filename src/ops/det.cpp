// Det: the determinant of the square matrices in the last two axes, by elimination with row pivots.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

double determinant(std::vector<double>& a, std::int64_t n) {
  const auto at = [&](std::int64_t row, std::int64_t column) -> double& {
    return a[static_cast<std::size_t>(row * n + column)];
  };
  double result = 1;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t row = k + 1; row < n; ++row) {
      if (std::fabs(at(row, k)) > std::fabs(at(pivot, k))) pivot = row;
    }
    if (at(pivot, k) == 0) return 0;
    if (pivot != k) {
      for (std::int64_t column = k; column < n; ++column) std::swap(at(pivot, column), at(k, column));
      result = -result;
    }
    result *= at(k, k);
    for (std::int64_t row = k + 1; row < n; ++row) {
      const double factor = at(row, k) / at(k, k);
      for (std::int64_t column = k + 1; column < n; ++column) at(row, column) -= factor * at(k, column);
    }
  }
  return result;
}

void infer(InferContext& c) {
  require_float(c, 0);
  const Shape& x = c.shape(0);
  if (!x.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  if (x.rank() < 2 || !x[x.rank() - 1].may_equal(x[x.rank() - 2])) {
    fail(ErrorCode::kInvalidGraph, "an input of shape {}, expected square matrices", x.to_string());
  }
  c.set(0, c.element(0), Shape(std::vector<Dim>(x.dims().begin(), x.dims().end() - 2)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() >= 2 && x.dim(x.rank() - 1) == x.dim(x.rank() - 2),
                "an input of shape {}, expected square matrices", to_string(x.dims()));
  const std::int64_t n = x.dim(x.rank() - 1);
  Tensor& out = outputs.allocate(0, x.type(), Dims(x.dims().begin(), x.dims().end() - 2));
  dispatch_float(x.type(), [&]<typename T>() {
    std::vector<double> matrix(static_cast<std::size_t>(n * n));
    const T* in = x.data<T>();
    T* y = out.data<T>();
    for (std::int64_t i = 0; i < out.size(); ++i) {
      context.check();
      for (std::size_t k = 0; k < matrix.size(); ++k) {
        matrix[k] = widen(in[static_cast<std::size_t>(i) * matrix.size() + k]);
      }
      y[i] = narrow<T>(determinant(matrix, n));
    }
  });
}

}  // namespace

OpDef op_det() { return {.name = "Det", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
