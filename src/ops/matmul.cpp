// MatMul: numpy's matmul: matrices in the last two axes, leading axes broadcast, vectors get a 1 added and removed.
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_same_element(c, 0, 1);
  const Shape& a = c.shape(0);
  const Shape& b = c.shape(1);
  if (!a.is_ranked() || !b.is_ranked()) {
    c.set(0, c.element(0), Shape::unranked());
    return;
  }
  if (a.rank() == 0 || b.rank() == 0) fail(ErrorCode::kInvalidGraph, "operands of shapes {} and {}, expected rank 1 or more", a.to_string(), b.to_string());
  std::vector<Dim> x = a.dims();
  std::vector<Dim> y = b.dims();
  if (a.rank() == 1) x.insert(x.begin(), Dim(1));
  if (b.rank() == 1) y.emplace_back(1);
  if (!x.back().may_equal(y[y.size() - 2])) {
    fail(ErrorCode::kInvalidGraph, "operands of shapes {} and {}: {} columns against {} rows", a.to_string(), b.to_string(),
         x.back().to_string(), y[y.size() - 2].to_string());
  }
  Shape out = broadcast(Shape(std::vector<Dim>(x.begin(), x.end() - 2)), Shape(std::vector<Dim>(y.begin(), y.end() - 2)));
  if (a.rank() > 1) out.dims().push_back(x[x.size() - 2]);
  if (b.rank() > 1) out.dims().push_back(y.back());
  c.set(0, c.element(0), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  ORIEL_REQUIRE(a.rank() > 0 && b.rank() > 0, "operands of shapes {} and {}, expected rank 1 or more", to_string(a.dims()),
                to_string(b.dims()));
  Dims x = a.dims();
  Dims y = b.dims();
  if (a.rank() == 1) x.insert(x.begin(), 1);
  if (b.rank() == 1) y.push_back(1);
  const std::int64_t m = x[x.size() - 2];
  const std::int64_t k = x.back();
  const std::int64_t n = y.back();
  ORIEL_REQUIRE(y[y.size() - 2] == k, "operands of shapes {} and {}: {} columns against {} rows", to_string(a.dims()),
                to_string(b.dims()), k, y[y.size() - 2]);
  const Dims xb(x.begin(), x.end() - 2);
  const Dims yb(y.begin(), y.end() - 2);
  const Dims batch = broadcast(xb, yb);
  Dims dims = batch;
  if (a.rank() > 1) dims.push_back(m);
  if (b.rank() > 1) dims.push_back(n);
  Tensor& out = outputs.allocate(0, a.type(), dims);
  dispatch_numeric(a.type(), [&]<typename T>() {
    const T* p = a.data<T>();
    const T* q = b.data<T>();
    T* r = out.data<T>();
    std::vector<Wide<T>> row(static_cast<std::size_t>(n));
    for_each_broadcast(xb, yb, batch, context, [&](std::int64_t o, std::int64_t ia, std::int64_t ib) {
      for (std::int64_t i = 0; i < m; ++i) {
        context.check();
        std::fill(row.begin(), row.end(), Wide<T>(0));
        for (std::int64_t l = 0; l < k; ++l) {
          const Wide<T> left = widen(p[(ia * m + i) * k + l]);
          for (std::int64_t j = 0; j < n; ++j) row[static_cast<std::size_t>(j)] += left * widen(q[(ib * k + l) * n + j]);
        }
        for (std::int64_t j = 0; j < n; ++j) r[(o * m + i) * n + j] = narrow<T>(row[static_cast<std::size_t>(j)]);
      }
    });
  });
}

}  // namespace

OpDef op_matmul() {
  return {.name = "MatMul", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
