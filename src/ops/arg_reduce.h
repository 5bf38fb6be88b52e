// What ArgMax and ArgMin share.
#pragma once

#include "ops/elementwise.h"

namespace oriel::ops {

/// The definition of ArgMax or ArgMin, inference included.
OpDef arg_reduce_definition(const char* name, OpFunction reference);

/// The index of the element along `axis` that no other is `better` than; NaN is the best of all, as for numpy.
template <typename F>
void reference_arg_reduce(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& better) {
  const Tensor& x = inputs[0];
  const auto axis =
      static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), std::max<std::size_t>(x.rank(), 1)));
  const bool last = inputs.attributes().get_bool("select_last_index");
  const std::int64_t extent = x.rank() == 0 ? 1 : x.dim(axis);
  Dims dims = x.dims();
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < dims.size(); ++d) inner *= dims[d];
  if (x.rank() > 0) {
    if (inputs.attributes().get_bool("keepdims")) {
      dims[axis] = 1;
    } else {
      dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
    }
  }
  ORIEL_REQUIRE(extent > 0 || count_elements(dims) == 0, "axis {} of {} has no elements", axis, x.description());
  std::int64_t* out = outputs.allocate(0, ElementType::kI64, dims).data<std::int64_t>();
  dispatch_numeric(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    for_each_element(count_elements(dims), context, [&](std::int64_t o) {
      const T* base = in + o / inner * extent * inner + o % inner;
      std::int64_t found = 0;
      Wide<T> best = widen(base[0]);
      for (std::int64_t k = 1; k < extent; ++k) {
        const Wide<T> candidate = widen(base[k * inner]);
        const bool nan = candidate != candidate;
        if (nan ? best == best || last : better(candidate, best) || (last && candidate == best)) {
          found = k;
          best = candidate;
        }
      }
      out[o] = found;
    });
  });
}

}  // namespace oriel::ops
