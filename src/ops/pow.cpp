// Pow: a to the power of b with broadcasting, in a's type. An integer to an integer power is exact and wraps around;
// below power zero it is 0 unless the base is 1 or -1. Importers removed: the axis and broadcast attributes of
// version 1.
#include "ops/elementwise.h"

namespace oriel::ops {
namespace {

template <typename T>
T integer_power(T base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if (std::is_signed_v<T> && base == static_cast<T>(-1)) return exponent % 2 == 0 ? T(1) : static_cast<T>(-1);
    return 0;
  }
  T result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result = wrapping_multiply(result, base);
    base = wrapping_multiply(base, base);
  }
  return result;
}

void infer(InferContext& c) {
  require_numeric(c, 0);
  require_numeric(c, 1);
  c.set(0, c.element(0), broadcast(c.shape(0), c.shape(1)));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  const Dims dims = broadcast(a.dims(), b.dims());
  Tensor& out = outputs.allocate(0, a.type(), dims);
  dispatch_numeric(a.type(), [&]<typename T>() {
    const T* x = a.data<T>();
    T* z = out.data<T>();
    const bool exact = std::is_integral_v<T> && is_integer(b.type());
    for_each_broadcast(a.dims(), b.dims(), dims, context, [&](std::int64_t i, std::int64_t ia, std::int64_t ib) {
      if constexpr (std::is_integral_v<T>) {
        if (exact) {
          z[i] = integer_power(x[ia], element_as_i64(b, ib));
          return;
        }
      }
      z[i] = narrow_f64<T>(std::pow(static_cast<double>(widen(x[ia])), element_as_f64(b, ib)));
    });
  });
}

}  // namespace

OpDef op_pow() { return {.name = "Pow", .min_inputs = 2, .max_inputs = 2, .infer = infer, .reference = reference}; }

}  // namespace oriel::ops
