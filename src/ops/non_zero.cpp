// NonZero: the indices of all elements other than 0 as columns [rank, count], in row-major order; a scalar gives [0,
// count].
#include "ops/movement.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  const Shape& in = c.shape(0);
  const Dim rank = in.is_ranked() ? Dim(in.rank()) : Dim::unknown();
  c.set(0, ElementType::kI64, Shape{rank, Dim::unknown(0, in.elements().max())});
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const Tensor& x = inputs[0];
  std::vector<std::int64_t> found;
  const auto collect = [&](auto&& set) {
    for_each_element(x.size(), context, [&](std::int64_t i) {
      if (set(i)) found.push_back(i);
    });
  };
  if (x.type() == ElementType::kString) {
    collect([data = x.data<std::string>()](std::int64_t i) { return !data[i].empty(); });
  } else if (is_complex(x.type())) {
    const auto* bytes = static_cast<const char*>(x.raw());
    const bool wide = x.type() == ElementType::kComplex128;
    collect([&](std::int64_t i) {
      double re = 0;
      double im = 0;
      if (wide) {
        std::memcpy(&re, bytes + 16 * i, 8);
        std::memcpy(&im, bytes + 16 * i + 8, 8);
      } else {
        float part[2];
        std::memcpy(part, bytes + 8 * i, 8);
        re = part[0];
        im = part[1];
      }
      return re != 0 || im != 0;
    });
  } else if (is_float(x.type())) {
    collect([&](std::int64_t i) { return element_as_f64(x, i) != 0; });
  } else {
    collect([&](std::int64_t i) { return element_as_i64(x, i) != 0; });
  }
  const auto count = static_cast<std::int64_t>(found.size());
  std::int64_t* out =
      outputs.allocate(0, ElementType::kI64, {static_cast<std::int64_t>(x.rank()), count}).data<std::int64_t>();
  for_each_element(count, context, [&](std::int64_t i) {
    const Dims index = unravel(found[static_cast<std::size_t>(i)], x.dims());
    for (std::size_t axis = 0; axis < index.size(); ++axis)
      out[static_cast<std::int64_t>(axis) * count + i] = index[axis];
  });
}

}  // namespace

OpDef op_non_zero() {
  return {.name = "NonZero", .min_inputs = 1, .max_inputs = 1, .infer = infer, .reference = reference};
}

}  // namespace oriel::ops
