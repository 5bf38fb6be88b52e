// Gemm: alpha * A' * B' + beta * C, where A' and B' are A and B or their transposes and C, which may be absent,
// broadcasts. Importers removed: the broadcast attribute of versions 1 and 6.
#include "ops/broadcast_to.h"
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_numeric(c, 0);
  require_same_element(c, 0, 1);
  const auto matrix = [&](std::size_t i, const char* transpose) {
    const Shape& s = c.shape(i);
    if (!s.is_ranked()) return Shape::of_rank(2);
    if (s.rank() != 2) fail(ErrorCode::kInvalidGraph, "input {} has shape {}, expected a matrix", i, s.to_string());
    return c.attributes().get_bool(transpose) ? Shape{s[1], s[0]} : s;
  };
  const Shape a = matrix(0, "transA");
  const Shape b = matrix(1, "transB");
  if (!a[1].may_equal(b[0])) {
    fail(ErrorCode::kInvalidGraph, "operands of shapes {} and {}: {} columns against {} rows", c.shape(0).to_string(),
         c.shape(1).to_string(), a[1].to_string(), b[0].to_string());
  }
  const Shape out{a[0], b[1]};
  if (c.has_input(2)) {
    require_same_element(c, 0, 2);
    const Shape& bias = c.shape(2);
    if (!may_broadcast_to(bias, out)) {
      fail(ErrorCode::kInvalidGraph, "a bias of shape {} does not broadcast to {}", bias.to_string(), out.to_string());
    }
  }
  c.set(0, c.element(0), out);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Attributes& attributes = inputs.attributes();
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  ORIEL_REQUIRE(a.rank() == 2 && b.rank() == 2, "operands of shapes {} and {}, expected matrices", to_string(a.dims()),
                to_string(b.dims()));
  const bool ta = attributes.get_bool("transA");
  const bool tb = attributes.get_bool("transB");
  const double alpha = attributes.get_float("alpha");
  const double beta = attributes.get_float("beta");
  const std::int64_t m = a.dim(ta ? 1 : 0);
  const std::int64_t k = a.dim(ta ? 0 : 1);
  const std::int64_t n = b.dim(tb ? 0 : 1);
  ORIEL_REQUIRE(b.dim(tb ? 1 : 0) == k, "operands of shapes {} and {}: {} columns against {} rows", to_string(a.dims()),
                to_string(b.dims()), k, b.dim(tb ? 1 : 0));
  const Dims dims{m, n};
  const bool biased = inputs.has(2) && beta != 0;
  if (inputs.has(2)) require_broadcasts_to(inputs[2].dims(), dims, "a bias");
  const Dims bias_strides = biased ? broadcast_strides(inputs[2].dims(), dims) : Dims{0, 0};
  Tensor& out = outputs.allocate(0, a.type(), dims);
  dispatch_numeric(a.type(), [&]<typename T>() {
    const T* p = a.data<T>();
    const T* q = b.data<T>();
    const T* bias = biased ? inputs[2].data<T>() : nullptr;
    T* y = out.data<T>();
    const auto scaled = [](double factor, Wide<T> value) {
      return factor == 1 ? value : narrow_f64<Wide<T>>(factor * static_cast<double>(value));
    };
    for (std::int64_t i = 0; i < m; ++i) {
      context.check();
      for (std::int64_t j = 0; j < n; ++j) {
        Wide<T> sum(0);
        for (std::int64_t l = 0; l < k; ++l) {
          sum = wrapping_add(
              sum, wrapping_multiply(widen(p[ta ? l * m + i : i * k + l]), widen(q[tb ? j * k + l : l * n + j])));
        }
        sum = scaled(alpha, sum);
        if (biased) sum = wrapping_add(sum, scaled(beta, widen(bias[i * bias_strides[0] + j * bias_strides[1]])));
        y[i * n + j] = narrow<T>(sum);
      }
    }
  });
}

}  // namespace

OpDef op_gemm() {
  return {.name = "Gemm",
          .min_inputs = 2,
          .max_inputs = 3,
          .attributes = {{"alpha", 1.0F}, {"beta", 1.0F}, {"transA", std::int64_t{0}}, {"transB", std::int64_t{0}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
