// Softmax: exp(x - max) / sum(exp(x - max)) along one axis.
// Importers removed: the flattening of versions 1 and 11 (they reshape around it).
#include "ops/common.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  require_element(c, 0, {ElementType::kF32, ElementType::kF64, ElementType::kF16, ElementType::kBF16});
  if (c.shape(0).is_ranked()) normalize_axis(c.attributes().get_int("axis"), std::max<std::size_t>(c.shape(0).rank(), 1));
  infer_same(c);
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  Tensor& out = outputs.allocate(0, x.type(), x.dims());
  const Dims dims = x.rank() == 0 ? Dims{1} : x.dims();
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), dims.size()));
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < dims.size(); ++d) inner *= dims[d];
  const std::int64_t extent = dims[axis];
  const std::int64_t outer = x.size() == 0 ? 0 : x.size() / (inner * extent);
  dispatch_float(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* y = out.data<T>();
    for (std::int64_t o = 0; o < outer; ++o) {
      context.check();
      for (std::int64_t i = 0; i < inner; ++i) {
        const std::int64_t base = o * extent * inner + i;
        double largest = -std::numeric_limits<double>::infinity();
        for (std::int64_t k = 0; k < extent; ++k) largest = std::max(largest, widen(in[base + k * inner]));
        double sum = 0;
        for (std::int64_t k = 0; k < extent; ++k) sum += std::exp(widen(in[base + k * inner]) - largest);
        for (std::int64_t k = 0; k < extent; ++k) {
          y[base + k * inner] = narrow<T>(std::exp(widen(in[base + k * inner]) - largest) / sum);
        }
      }
    }
  });
}

}  // namespace

OpDef op_softmax() {
  return {.name = "Softmax",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"axis", std::int64_t{-1}}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
