// What the com.microsoft QLinear operators share: operands in triples (x, scale, zero point) of 8-bit integers.
#pragma once

#include "ops/quantize.h"

namespace oriel::ops {

/// Inference: checks that operand `i` is u8 or i8 and the next two are its scale (f32) and zero point (absent: 0), each
/// a single value.
void check_qlinear_operand(const InferContext& c, std::size_t i);

/// The scale and zero point at operands `i` and `i + 1`.
struct QLinearParameters {
  float scale;
  std::int64_t zero_point;
  QLinearParameters(const Inputs& inputs, std::size_t i)
      : scale(single_f32(inputs, i)), zero_point(single_zero_point(inputs, i + 1)) {}
  float dequantize(std::int64_t value) const { return static_cast<float>(value - zero_point) * scale; }
  std::int64_t quantize(float value, const QuantRange& range) const {
    return ops::quantize(value / scale, zero_point, range);
  }
};

/// Inference of y = f(x) with the operands x, x_scale, x_zero_point, y_scale, y_zero_point.
void infer_qlinear_unary(InferContext& c);

/// y = quantize(f(dequantize(x))) with those operands; f takes and returns f32.
template <typename F>
void reference_qlinear_unary(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  const Tensor& x = inputs[0];
  const QLinearParameters from(inputs, 1);
  const QLinearParameters to(inputs, 3);
  const QuantRange range = quant_range(x.type());
  Tensor& y = outputs.allocate(0, x.type(), x.dims());
  for_each_element(x.size(), context, [&](std::int64_t i) {
    store_element(y, i, static_cast<double>(to.quantize(f(from.dequantize(element_as_i64(x, i))), range)));
  });
}

/// Inference of a broadcasting c = f(a, b) with the operands a, b and c in triples (c without its tensor).
void infer_qlinear_binary(InferContext& c);

/// Elements of c from those of a and b as integers: f(a, b) is rounded to nearest, ties to even, and saturated.
template <typename F>
void reference_qlinear_binary(const Inputs& inputs, OutputSink& outputs, RunContext& context, F&& f) {
  const Tensor& a = inputs[0];
  const Tensor& b = inputs[3];
  const Dims dims = broadcast(a.dims(), b.dims());
  const QuantRange range = quant_range(a.type());
  Tensor& y = outputs.allocate(0, a.type(), dims);
  for_each_broadcast(a.dims(), b.dims(), dims, context, [&](std::int64_t i, std::int64_t ia, std::int64_t ib) {
    store_element(y, i, static_cast<double>(quantize(f(element_as_i64(a, ia), element_as_i64(b, ib)), 0, range)));
  });
}

}  // namespace oriel::ops
