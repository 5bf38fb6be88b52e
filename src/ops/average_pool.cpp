// AveragePool: the mean of the elements under a window; with count_include_pad the zeros of the pads count too.
#include "ops/pool.h"

namespace oriel::ops {
namespace {

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const PoolGeometry g = PoolGeometry::of(inputs.attributes(), x.dims());
  const bool include_pad = inputs.attributes().get_bool("count_include_pad");
  Tensor& out = outputs.allocate(0, x.type(), g.dims);
  dispatch_float(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* y = out.data<T>();
    for_each_window(
        g, context,
        [&](std::int64_t plane, std::int64_t at, const std::vector<std::int64_t>& taps, std::int64_t padded) {
          double sum = 0;
          for (const std::int64_t t : taps) sum += widen(in[plane * g.in_size + t]);
          const auto count = static_cast<double>(include_pad ? padded : static_cast<std::int64_t>(taps.size()));
          y[plane * g.out_size + at] = narrow<T>(count > 0 ? sum / count : 0.0);
        });
  });
}

}  // namespace

OpDef op_average_pool() {
  std::vector<AttributeDef> attributes = pool_attributes();
  attributes.push_back({"count_include_pad", std::int64_t{0}});
  return {.name = "AveragePool",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = std::move(attributes),
          .infer = infer_pool,
          .reference = reference};
}

}  // namespace oriel::ops
