// MaxPool: the largest element under a window, and on demand its index in the whole input (storage_order 1: spatial
// axes counted column-major).
#include "ops/pool.h"

namespace oriel::ops {
namespace {

/// The offset inside a plane as counted with the first spatial axis varying fastest.
std::int64_t column_major(std::int64_t offset, const Dims& in) {
  std::int64_t result = 0;
  std::int64_t scale = 1;
  const Dims index = unravel(offset, in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    result += index[i] * scale;
    scale *= in[i];
  }
  return result;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const PoolGeometry g = PoolGeometry::of(inputs.attributes(), x.dims());
  const bool column = inputs.attributes().get_int("storage_order") != 0;
  Tensor& out = outputs.allocate(0, x.type(), g.dims);
  std::int64_t* indices = nullptr;
  if (outputs.size() > 1 && outputs.wanted(1))
    indices = outputs.allocate(1, ElementType::kI64, g.dims).data<std::int64_t>();
  dispatch_numeric(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* y = out.data<T>();
    using Limits = std::numeric_limits<Wide<T>>;
    const Wide<T> lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    for_each_window(g, context,
                    [&](std::int64_t plane, std::int64_t at, const std::vector<std::int64_t>& taps, std::int64_t) {
                      Wide<T> best = lowest;
                      std::int64_t where = -1;
                      for (const std::int64_t t : taps) {
                        const Wide<T> v = widen(in[plane * g.in_size + t]);
                        if (where < 0 || v > best || (v != v && best == best)) {
                          best = v;
                          where = t;
                        }
                      }
                      y[plane * g.out_size + at] = narrow<T>(best);
                      if (indices == nullptr) return;
                      if (column && where >= 0) where = column_major(where, g.in);
                      indices[plane * g.out_size + at] = where < 0 ? -1 : plane * g.in_size + where;
                    });
  });
}

}  // namespace

OpDef op_max_pool() {
  std::vector<AttributeDef> attributes = pool_attributes();
  attributes.push_back({"storage_order", std::int64_t{0}});
  return {.name = "MaxPool",
          .min_inputs = 1,
          .max_inputs = 1,
          .max_outputs = 2,
          .attributes = std::move(attributes),
          .infer = infer_pool,
          .reference = reference};
}

}  // namespace oriel::ops
