// com.microsoft.Inverse: the inverse of every square matrix in the last two axes, by elimination with row pivots in
// f64. A singular matrix gives infinities or NaN.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kF16});
  const Shape& x = c.shape(0);
  if (x.is_ranked() && (x.rank() < 2 || !x[x.rank() - 1].may_equal(x[x.rank() - 2]))) {
    fail(ErrorCode::kInvalidGraph, "input of shape {}, expected square matrices", x.to_string());
  }
  infer_same(c);
}

// Turns `a` (n x n) into the unit matrix and `inverse`, given as the unit matrix, into the inverse.
void invert(std::vector<double>& a, std::vector<double>& inverse, std::size_t n) {
  for (std::size_t column = 0; column < n; ++column) {
    std::size_t pivot = column;
    for (std::size_t r = column + 1; r < n; ++r) {
      if (std::fabs(a[r * n + column]) > std::fabs(a[pivot * n + column])) pivot = r;
    }
    for (std::size_t k = 0; k < n && pivot != column; ++k) {
      std::swap(a[pivot * n + k], a[column * n + k]);
      std::swap(inverse[pivot * n + k], inverse[column * n + k]);
    }
    const double divisor = a[column * n + column];
    for (std::size_t k = 0; k < n; ++k) {
      a[column * n + k] /= divisor;
      inverse[column * n + k] /= divisor;
    }
    for (std::size_t r = 0; r < n; ++r) {
      const double factor = a[r * n + column];
      if (r == column || factor == 0) continue;
      for (std::size_t k = 0; k < n; ++k) {
        a[r * n + k] -= factor * a[column * n + k];
        inverse[r * n + k] -= factor * inverse[column * n + k];
      }
    }
  }
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  ORIEL_REQUIRE(x.rank() >= 2 && x.dim(x.rank() - 1) == x.dim(x.rank() - 2),
                "input of shape {}, expected square matrices", to_string(x.dims()));
  const auto n = static_cast<std::size_t>(x.dim(x.rank() - 1));
  const auto size = static_cast<std::int64_t>(n * n);
  Tensor& y = outputs.allocate(0, x.type(), x.dims());
  if (y.size() == 0) return;
  std::vector<double> a(n * n);
  std::vector<double> inverse(n * n);
  for (std::int64_t base = 0; base < x.size(); base += size) {
    context.check();
    for (std::size_t i = 0; i < n * n; ++i) {
      a[i] = element_as_f64(x, base + static_cast<std::int64_t>(i));
      inverse[i] = i % (n + 1) == 0 ? 1.0 : 0.0;
    }
    invert(a, inverse, n);
    for (std::size_t i = 0; i < n * n; ++i) store_element(y, base + static_cast<std::int64_t>(i), inverse[i]);
  }
}

}  // namespace

OpDef op_microsoft_inverse() {
  return {.name = "Inverse",
          .domain = "com.microsoft",
          .min_inputs = 1,
          .max_inputs = 1,
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
