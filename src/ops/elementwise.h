// Inference and reference loops of elementwise operators, over a scalar function.
#pragma once

#include <cstdint>
#include <functional>

#include "ops/common.h"

namespace oriel::ops {

/// Inference of a unary operator on floats: operand 0 is f32, f64, f16 or bf16, the output has its type and shape.
void infer_float(InferContext& c);
/// Inference of a unary operator on integers of 8 bits or more and f32, f64, f16, bf16.
void infer_numeric(InferContext& c);

/// Inference: throws Error(kInvalidGraph) unless operand `i` is f32, f64, f16 or bf16.
void require_float(const InferContext& c, std::size_t i);
/// Inference: throws Error(kInvalidGraph) unless operand `i` is one of these or an integer of 8 bits or more.
void require_numeric(const InferContext& c, std::size_t i);
/// Inference: throws Error(kInvalidGraph) unless operand `i` is an integer of 8 bits or more.
void require_integer(const InferContext& c, std::size_t i);

/// Inference of a unary test on floats of 8 bits or more: the output is bool.
void infer_classify(InferContext& c);

/// Inference of a broadcasting binary operator whose result has the operands' type, or `result` where that is given.
void infer_binary(InferContext& c, ElementType result = ElementType::kUndefined);

/// Content of a binary operator on small integers, from a function of two Dims; call after infer_binary. A result
/// without expression leaves the output without content.
void infer_binary_content(InferContext& c, Dim (*f)(const Dim&, const Dim&));

/// Content of a unary operator on small integers.
void infer_unary_content(InferContext& c, Dim (*f)(const Dim&));

/// Inference of a variadic operator: all operands have one numeric type and broadcast together.
void infer_variadic(InferContext& c);

/// Content of a variadic operator on small integers: a left fold of `f`; call after infer_variadic.
void infer_variadic_content(InferContext& c, Dim (*f)(const Dim&, const Dim&));

/// a + b, a - b and a * b, where integers wrap around.
template <typename W>
W wrapping_add(W a, W b) {
  if constexpr (std::is_integral_v<W>) {
    return static_cast<W>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  } else {
    return a + b;
  }
}
template <typename W>
W wrapping_subtract(W a, W b) {
  if constexpr (std::is_integral_v<W>) {
    return static_cast<W>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  } else {
    return a - b;
  }
}
template <typename W>
W wrapping_multiply(W a, W b) {
  if constexpr (std::is_integral_v<W>) {
    return static_cast<W>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  } else {
    return a * b;
  }
}

/// The integer towards zero. NaN and what does not fit give what x86 does: the least value for i32 and i64, the low
/// bits of an i32 for 8 and 16 bits, the low bits of an i64 for u32.
template <typename T>
T truncate_to_integer(double value) {
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (value >= 0x1p63 && value < 0x1p64) return static_cast<std::uint64_t>(value);
    if (value >= 0x1p64) return 0;
  }
  using Via = std::conditional_t<sizeof(T) == 8 || std::is_same_v<T, std::uint32_t>, std::int64_t, std::int32_t>;
  constexpr double kLimit = sizeof(Via) == 8 ? 0x1p63 : 0x1p31;
  if (!(value > -kLimit - 1.0 && value < kLimit)) return static_cast<T>(std::numeric_limits<Via>::min());
  return static_cast<T>(static_cast<Via>(value));
}

/// Rounds a computed f64 to any numeric type: integers truncate.
template <typename T>
T narrow_f64(double value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else if constexpr (std::is_integral_v<T>) {
    return truncate_to_integer<T>(value);
  } else {
    return narrow<T>(value);
  }
}

/// Quotient towards zero; integers divided by 0 give 0, and the least integer divided by -1 wraps around.
template <typename W>
W divide(W a, W b) {
  if constexpr (std::is_integral_v<W>) {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<W>) {
      if (b == -1) return wrapping_subtract(W(0), a);
    }
  }
  return static_cast<W>(a / b);
}

/// Linear indices into a tensor of `dims` while walking, in row-major order, the shape `to` that it broadcasts to.
class BroadcastWalker {
 public:
  BroadcastWalker(const Dims& dims, const Dims& to)
      : to_(to), strides_(broadcast_strides(dims, to)), index_(to.size(), 0) {}
  /// The index for the current element; then moves one on.
  std::int64_t next() {
    const std::int64_t at = at_;
    for (std::size_t axis = to_.size(); axis-- > 0;) {
      at_ += strides_[axis];
      if (++index_[axis] < to_[axis]) break;
      at_ -= strides_[axis] * to_[axis];
      index_[axis] = 0;
    }
    return at;
  }

 private:
  Dims to_;
  Dims strides_;
  Dims index_;
  std::int64_t at_ = 0;
};

/// out = f(a, b) with broadcasting, into elements of type R: f takes Wide<T> and returns what narrows to R.
template <typename T, typename R, typename F>
void reference_binary_to(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  const Dims dims = broadcast(a.dims(), b.dims());
  Tensor& out = outputs.allocate(0, kElementTypeOf<R>, dims);
  const T* x = a.data<T>();
  const T* y = b.data<T>();
  R* z = out.data<R>();
  for_each_broadcast(a.dims(), b.dims(), dims, context, [&](std::int64_t i, std::int64_t ia, std::int64_t ib) {
    z[i] = narrow<R>(f(widen(x[ia]), widen(y[ib])));
  });
}

/// out = f(a, b) with broadcasting: f takes and returns Wide<T>.
template <typename T, typename F>
void reference_binary(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  reference_binary_to<T, T>(inputs, outputs, context, std::forward<F>(f));
}

/// out = f(x): f takes and returns Wide<T>.
template <typename T, typename F>
void reference_unary(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  const Tensor& a = inputs[0];
  Tensor& out = outputs.allocate(0, a.type(), a.dims());
  const T* x = a.data<T>();
  T* z = out.data<T>();
  for_each_element(a.size(), context, [&](std::int64_t i) { z[i] = narrow<T>(f(widen(x[i]))); });
}

/// out = f(x) in f64 for every float that infer_float admits.
void reference_float(const Inputs& inputs, OutputSink& outputs, RunContext& context,
                     const std::function<double(double)>& f);

/// reference_unary for every type that infer_numeric admits; f is generic over Wide<T>.
template <typename F>
void reference_numeric(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  dispatch_numeric(inputs[0].type(), [&]<typename T>() { reference_unary<T>(inputs, outputs, context, f); });
}

/// out = finish(f(f(a, b), c)...) over all operands with broadcasting: both take and return Wide<T>.
template <typename F, typename G>
void reference_variadic(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f, G&& finish) {
  Dims dims = inputs[0].dims();
  for (std::size_t k = 1; k < inputs.size(); ++k) dims = broadcast(dims, inputs[k].dims());
  dispatch_numeric(inputs[0].type(), [&]<typename T>() {
    std::vector<Wide<T>> folded(static_cast<std::size_t>(count_elements(dims)));
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const T* x = inputs[k].data<T>();
      BroadcastWalker walker(inputs[k].dims(), dims);
      for_each_element(static_cast<std::int64_t>(folded.size()), context, [&](std::int64_t i) {
        Wide<T>& value = folded[static_cast<std::size_t>(i)];
        const Wide<T> next = widen(x[walker.next()]);
        value = k == 0 ? next : static_cast<Wide<T>>(f(value, next));
      });
    }
    T* out = outputs.allocate(0, inputs[0].type(), dims).template data<T>();
    for_each_element(static_cast<std::int64_t>(folded.size()), context,
                     [&](std::int64_t i) { out[i] = narrow<T>(finish(folded[static_cast<std::size_t>(i)])); });
  });
}

}  // namespace oriel::ops
