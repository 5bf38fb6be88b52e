// TopK: the k largest (or smallest) elements along `axis` and their indices, in order; equal elements by rising index.
// NaN counts as larger than every number. Without `sorted` the order is free, and the same. Importers removed: the k
// attribute of version 1.
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& in = c.shape(0);
  Shape out = in;
  if (in.is_ranked()) {
    const auto axis = static_cast<std::size_t>(normalize_axis(c.attributes().get_int("axis"), in.rank()));
    const std::vector<Dim>* k = c.content(1);
    if (k != nullptr && k->size() != 1) fail(ErrorCode::kInvalidGraph, "k has {} elements", k->size());
    if (k != nullptr && ((*k)[0].max() < 0 || (*k)[0].min() > in[axis].max())) {
      fail(ErrorCode::kInvalidGraph, "k is {} for an extent of {}", (*k)[0].to_string(), in[axis].to_string());
    }
    out[axis] = k == nullptr ? Dim::unknown(0, in[axis].max()) : (*k)[0].bounded(0, in[axis].max());
  }
  c.set(0, c.element(0), out);
  c.set(1, ElementType::kI64, out);
}

template <typename T>
bool before(T a, T b) {
  if constexpr (!std::is_integral_v<T>) {
    if (std::isnan(static_cast<double>(a)) || std::isnan(static_cast<double>(b))) {
      return std::isnan(static_cast<double>(a)) && !std::isnan(static_cast<double>(b));
    }
  }
  return a > b;
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), x.rank()));
  const bool largest = inputs.attributes().get_bool("largest");
  const std::int64_t k = scalar_i64(inputs[1]);
  const AxisSplit split = split_at(x.dims(), axis);
  ORIEL_REQUIRE(k >= 0 && k <= split.extent, "k is {} for an extent of {}", k, split.extent);
  Dims dims = x.dims();
  dims[axis] = k;
  Tensor* values = outputs.wanted(0) ? &outputs.allocate(0, x.type(), dims) : nullptr;
  std::int64_t* indices = outputs.size() > 1 && outputs.wanted(1)
                              ? outputs.allocate(1, ElementType::kI64, dims).data<std::int64_t>()
                              : nullptr;
  dispatch_numeric(x.type(), [&]<typename T>() {
    const T* in = x.data<T>();
    T* out = values == nullptr ? nullptr : values->data<T>();
    std::vector<std::int64_t> order(static_cast<std::size_t>(split.extent));
    for (std::int64_t o = 0; o < split.outer; ++o) {
      context.check();
      for (std::int64_t i = 0; i < split.inner; ++i) {
        const T* line = in + o * split.extent * split.inner + i;
        const auto precedes = [&](std::int64_t a, std::int64_t b) {
          const T x_a = line[a * split.inner];
          const T x_b = line[b * split.inner];
          if (largest ? before(x_a, x_b) : before(x_b, x_a)) return true;
          if (largest ? before(x_b, x_a) : before(x_a, x_b)) return false;
          return a < b;
        };
        for (std::int64_t e = 0; e < split.extent; ++e) order[static_cast<std::size_t>(e)] = e;
        std::partial_sort(order.begin(), order.begin() + k, order.end(), precedes);
        for (std::int64_t e = 0; e < k; ++e) {
          const std::int64_t to = (o * k + e) * split.inner + i;
          const std::int64_t from = order[static_cast<std::size_t>(e)];
          if (out != nullptr) out[to] = line[from * split.inner];
          if (indices != nullptr) indices[to] = from;
        }
      }
    }
  });
}

}  // namespace

OpDef op_top_k() {
  return {.name = "TopK",
          .min_inputs = 2,
          .max_inputs = 2,
          .min_outputs = 1,
          .max_outputs = 2,
          .attributes = {{"axis", std::int64_t{-1}}, {"largest", std::int64_t{1}}, {"sorted", std::int64_t{1}}},
          .traits = {.shape_operands = 0b10},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
