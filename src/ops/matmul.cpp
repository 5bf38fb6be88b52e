// MatMul: numpy's matmul: matrices in the last two axes, leading axes broadcast, vectors get a 1 added and removed.
#include "ops/matmul_shape.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_same_element(c, 0, 1);
  c.set(0, c.element(0), matmul_shape(c.shape(0), c.shape(1)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  const MatMulDims d(a.dims(), b.dims());
  const std::int64_t m = d.m;
  const std::int64_t k = d.k;
  const std::int64_t n = d.n;
  Tensor& out = outputs.allocate(0, a.type(), d.out);
  dispatch_numeric(a.type(), [&]<typename T>() {
    const T* p = a.data<T>();
    const T* q = b.data<T>();
    T* r = out.data<T>();
    std::vector<Wide<T>> row(static_cast<std::size_t>(n));
    for_each_broadcast(d.batch_a, d.batch_b, d.batch, context, [&](std::int64_t o, std::int64_t ia, std::int64_t ib) {
      for (std::int64_t i = 0; i < m; ++i) {
        context.check();
        std::fill(row.begin(), row.end(), Wide<T>(0));
        for (std::int64_t l = 0; l < k; ++l) {
          const Wide<T> left = widen(p[(ia * m + i) * k + l]);
          for (std::int64_t j = 0; j < n; ++j)
            row[static_cast<std::size_t>(j)] += left * widen(q[(ib * k + l) * n + j]);
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
