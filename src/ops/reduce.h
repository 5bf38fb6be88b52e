// What the Reduce operators share: axes, inference, and the loop over a fold.
#pragma once

#include <optional>

#include "ops/elementwise.h"

namespace oriel::ops {

/// Inference of a Reduce operator: operand 1 or nothing gives the axes, keepdims keeps them with extent 1, and
/// noop_with_empty_axes says that no axes means none instead of all. The output has the type of operand 0.
void infer_reduce(InferContext& c);

/// Content of a reduction of a small integer vector to one element: a left fold of `f`; call after infer_reduce.
void infer_reduce_content(InferContext& c, Dim (*f)(const Dim&, const Dim&));

/// A reduction of concrete dimensions: where each group of elements starts, and where its members are.
struct Reduction {
  Dims output;                     // with keepdims applied
  Dims outer_dims, outer_strides;  // kept axes
  Dims inner_dims, inner_strides;  // reduced axes
  std::int64_t groups = 1;         // outputs
  std::int64_t members = 1;        // elements of each group

  /// Reads axes, keepdims and noop_with_empty_axes. Throws Error(kInvalidArgument) for axes out of range or given
  /// twice.
  static Reduction read(const Inputs& inputs);
};

/// Every output is finish(fold over its group): `step(accumulator, Wide<T>)` returns the next accumulator, starting
/// with `start`.
template <typename T, typename A, typename Step, typename Finish>
void reference_reduce(const Inputs& inputs, OutputSink& outputs, RunContext& context, A start, Step&& step,
                      Finish&& finish) {
  const Reduction r = Reduction::read(inputs);
  const T* x = inputs[0].data<T>();
  T* y = outputs.allocate(0, inputs[0].type(), r.output).template data<T>();
  Dims outer(r.outer_dims.size(), 0);
  Dims inner(r.inner_dims.size(), 0);
  for (std::int64_t g = 0; g < r.groups; ++g) {
    context.check();
    const T* base = x + ravel(outer, r.outer_strides);
    A value = start;
    for (std::int64_t m = 0; m < r.members; ++m) {
      value = step(value, widen(base[ravel(inner, r.inner_strides)]));
      advance(inner, r.inner_dims);
    }
    y[g] = finish(value, r.members);
    advance(outer, r.outer_dims);
  }
}

/// reference_reduce in f64 for every numeric type, from 0 on; integers truncate the result.
void reference_reduce_f64(const Inputs& inputs, OutputSink& outputs, RunContext& context,
                          const std::function<double(double, double)>& step,
                          const std::function<double(double)>& finish);

/// The definition of a Reduce operator.
OpDef reduce_definition(const char* name, void (*infer)(InferContext&), OpFunction reference);

}  // namespace oriel::ops
