// com.microsoft.QLinearConcat: Y_scale, Y_zero_point, then triples (X, scale, zero point): each X quantised anew, all
// joined along one axis. An X with the parameters of Y is copied.
#include "ops/qlinear.h"

namespace oriel::ops {
namespace {

void infer(InferContext& c) {
  if (c.num_inputs() < 5 || c.num_inputs() % 3 != 2)
    fail(ErrorCode::kInvalidGraph, "{} inputs, expected 2 and triples", c.num_inputs());
  require_element(c, 0, {ElementType::kF32});
  require_single(c, 0);
  require_single(c, 1);
  Shape out = Shape::unranked();
  bool complete = true;
  for (std::size_t i = 2; i < c.num_inputs(); i += 3) {
    check_qlinear_operand(c, i);
    require_same_element(c, i, 1);
    if (!c.shape(i).is_ranked()) {
      complete = false;
    } else if (!out.is_ranked()) {
      out = c.shape(i);
    }
  }
  if (!out.is_ranked()) {
    c.set(0, c.element(1), out);
    return;
  }
  const auto axis = static_cast<std::size_t>(normalize_axis(c.attributes().get_int("axis"), out.rank()));
  Dim total = 0;
  for (std::size_t i = 2; i < c.num_inputs(); i += 3) {
    const Shape& s = c.shape(i);
    if (!s.is_ranked()) continue;
    bool fits = s.rank() == out.rank();
    for (std::size_t d = 0; fits && d < s.rank(); ++d) {
      if (d == axis) continue;
      fits = s[d].may_equal(out[d]);
      if (s[d].is_known()) out[d] = s[d];
    }
    if (!fits)
      fail(ErrorCode::kInvalidGraph, "input {} has the shape {}, which does not fit {}", i, s.to_string(),
           out.to_string());
    total = total + s[axis];
  }
  out[axis] = complete ? total : Dim::unknown();
  c.set(0, c.element(1), std::move(out));
}

void reference(const Inputs& inputs, OutputSink& outputs, RunContext& context) {
  const QLinearParameters to(inputs, 0);
  Dims dims = inputs[2].dims();
  const ElementType type = inputs[2].type();
  const auto axis = static_cast<std::size_t>(normalize_axis(inputs.attributes().get_int("axis"), dims.size()));
  for (std::size_t i = 5; i < inputs.size(); i += 3) {
    Dims other = inputs[i].dims();
    ORIEL_REQUIRE(inputs[i].type() == type && other.size() == dims.size(), "input {} is {}, which does not fit {}", i,
                  inputs[i].description(), inputs[2].description());
    const std::int64_t extent = other[axis];
    other[axis] = dims[axis];
    ORIEL_REQUIRE(other == dims, "input {} is {}, which does not fit {}", i, inputs[i].description(),
                  inputs[2].description());
    dims[axis] += extent;
  }
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < dims.size(); ++d) inner *= dims[d];
  const QuantRange range = quant_range(type);
  Tensor& y = outputs.allocate(0, type, dims);
  std::int64_t begin = 0;
  for (std::size_t i = 2; i < inputs.size(); i += 3) {
    const Tensor& x = inputs[i];
    const QLinearParameters from(inputs, i + 1);
    const bool same = from.scale == to.scale && from.zero_point == to.zero_point;
    const std::int64_t run = std::max<std::int64_t>(x.dim(axis) * inner, 1);
    for_each_element(x.size(), context, [&](std::int64_t e) {
      const std::int64_t value = element_as_i64(x, e);
      store_element(y, (e / run * dims[axis] + begin) * inner + e % run,
                    static_cast<double>(same ? value : to.quantize(from.dequantize(value), range)));
    });
    begin += x.dim(axis);
  }
}

}  // namespace

OpDef op_microsoft_qlinear_concat() {
  return {.name = "QLinearConcat",
          .domain = "com.microsoft",
          .min_inputs = 3,
          .max_inputs = -1,
          .attributes = {{"axis", std::int64_t{0}, AttributeDef::Need::kRequired}},
          .infer = infer,
          .reference = reference};
}

}  // namespace oriel::ops
