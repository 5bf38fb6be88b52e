// What CumSum and CumProd share: a running fold along one axis.
#pragma once

#include "ops/elementwise.h"

namespace oriel::ops {

/// The definition of CumSum or CumProd, inference included.
OpDef cumulate_definition(const char* name, OpFunction reference);

/// y[k] = fold of x[0..k] along the axis that operand 1 holds: without x[k] where `exclusive`, from the end where
/// `reverse`.
template <typename F>
void reference_cumulate(const Inputs& inputs, OutputSink& outputs, RunContext& context, int start, F&& f) {
  const Tensor& x = inputs[0];
  const std::vector<std::int64_t> axes = inputs[1].to_i64();
  ORIEL_REQUIRE(axes.size() == 1, "the axis has shape {}, expected a scalar", to_string(inputs[1].dims()));
  const auto axis = static_cast<std::size_t>(normalize_axis(axes[0], x.rank()));
  const bool exclusive = inputs.attributes().get_bool("exclusive");
  const bool reverse = inputs.attributes().get_bool("reverse");
  const std::int64_t extent = x.dim(axis);
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < x.rank(); ++d) inner *= x.dim(d);
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  if (x.size() == 0) return;
  dispatch_numeric(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* y = out.data<T>();
    for_each_element(x.size() / extent, context, [&](std::int64_t line) {
      const std::int64_t base = line / inner * extent * inner + line % inner;
      auto value = static_cast<Wide<T>>(start);
      for (std::int64_t k = 0; k < extent; ++k) {
        const std::int64_t at = base + (reverse ? extent - 1 - k : k) * inner;
        const Wide<T> next = f(value, widen(in[at]));
        y[at] = narrow<T>(exclusive ? value : next);
        value = next;
      }
    });
  });
}

}  // namespace oriel::ops
