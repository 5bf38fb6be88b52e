// Inference and reference loops of elementwise operators, over a scalar function.
#pragma once

#include "ops/common.h"

namespace oriel::ops {

/// Inference of a broadcasting binary operator whose result has the operands' type, or `result` where that is given.
void infer_binary(InferContext& c, ElementType result = ElementType::kUndefined);

/// Content of a binary operator on small integers, from a function of two Dims; call after infer_binary.
void infer_binary_content(InferContext& c, Dim (*f)(const Dim&, const Dim&));

/// out = f(a, b) with broadcasting: f takes and returns Wide<T>.
template <typename T, typename F>
void reference_binary(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[1];
  const Dims dims = broadcast(a.dims(), b.dims());
  Tensor& out = outputs.allocate(0, a.type(), dims);
  const T* x = a.data<T>();
  const T* y = b.data<T>();
  T* z = out.data<T>();
  for_each_broadcast(a.dims(), b.dims(), dims, context,
                     [&](std::int64_t i, std::int64_t ia, std::int64_t ib) { z[i] = narrow<T>(f(widen(x[ia]), widen(y[ib]))); });
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

}  // namespace oriel::ops
