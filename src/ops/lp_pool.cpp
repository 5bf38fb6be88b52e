// LpPool: (sum of |x|^p)^(1/p) of the elements under a window.
// Importers removed: the real-valued p of version 1.
#include "ops/pool.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const PoolGeometry g = PoolGeometry::of(inputs.attributes(), x.dims());
  const auto p = static_cast<double>(inputs.attributes().get_int("p"));
  ORIEL_REQUIRE(p > 0, "attribute p is {}", p);
  Tensor& out = outputs.allocate(0, x.type(), g.dims);
  dispatch_float(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* y = out.data<T>();
    for_each_window(g, context,
                    [&](std::int64_t plane, std::int64_t at, const std::vector<std::int64_t>& taps, std::int64_t) {
                      double sum = 0;
                      for (const std::int64_t t : taps) sum += std::pow(std::abs(widen(in[plane * g.in_size + t])), p);
                      y[plane * g.out_size + at] = narrow<T>(std::pow(sum, 1.0 / p));
                    });
  });
}

}  // namespace

OpDef op_lp_pool() {
  std::vector<AttributeDef> attributes = pool_attributes();
  attributes.push_back({"p", std::int64_t{2}});
  return {.name = "LpPool",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = std::move(attributes),
          .infer = infer_pool,
          .reference = reference};
}

}  // namespace oriel::ops
