// Linear quantisation of f32 arrays and back, with one scale or one along an axis; fake quantisation.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "base/element_type.h"

namespace oriel::kernels {

/// A dense array [outer][axis][inner] with one scale and zero point for each index of the middle axis. One for the
/// whole array: {1, 1, elements}.
struct QuantizeShape {
  std::int64_t outer = 1;
  std::int64_t axis = 1;
  std::int64_t inner = 0;
};

/// Independent units: runs of neighbouring elements under one scale, or, where inner is 1, whole rows of the axis.
std::int64_t quantize_units(const QuantizeShape& shape);

/// y = saturate(round(x / scale) + zero) for units [first, last), rounding halves to even, into u8, i8, u16 or i16.
/// NaN gives the type's lowest value. zeros may be null for 0.
void quantize_f32(const QuantizeShape& shape, ElementType type, const float* x, const float* scales,
                  const std::int32_t* zeros, void* y, std::int64_t first, std::int64_t last, Isa isa = max_isa());

/// y = (x - zero) * scale for units [first, last), from u8, i8, u16, i16 or i32. zeros may be null for 0.
void dequantize_f32(const QuantizeShape& shape, ElementType type, const void* x, const float* scales,
                    const std::int32_t* zeros, float* y, std::int64_t first, std::int64_t last, Isa isa = max_isa());

/// c = saturate(round(fma(ratio_a, a, fma(ratio_b, b, fixed)))): a sum of quantised numbers with
/// ratio = scale / scale of c and fixed = zero of c - (ratio_a * zero_a + ratio_b * zero_b).
struct QLinearAdd {
  float ratio_a = 1.0F;
  float ratio_b = 1.0F;
  float fixed = 0.0F;
};

/// c = saturate(round((a - zero_a) * (b - zero_b) * factor + zero)), every step rounded to f32; zero points are those
/// of 8-bit types.
struct QLinearMul {
  std::int32_t zero_a = 0;
  std::int32_t zero_b = 0;
  float factor = 1.0F;
  float zero = 0.0F;
};

/// n elements of u8 or i8, halves rounded to even. A step of 0 takes one element for all, 1 takes one an element; c may
/// be an operand of step 1.
void qlinear_add(ElementType type, const void* a, int a_step, const void* b, int b_step, const QLinearAdd& f, void* c,
                 std::int64_t n, Isa isa = max_isa());
void qlinear_mul(ElementType type, const void* a, int a_step, const void* b, int b_step, const QLinearMul& f, void* c,
                 std::int64_t n, Isa isa = max_isa());

/// Smallest and largest of n elements and zero (so that zero is always in the range); NaN is passed over.
void range_with_zero_f32(const float* x, std::int64_t n, float* low, float* high, Isa isa = max_isa());

/// Scale and zero point of u8 for a range with zero, as DynamicQuantizeLinear defines them: scale = (high - low) / 255,
/// zero = saturate(round(-low / scale)); a range of nothing but zero gives scale 0 and zero point 0.
void dynamic_parameters_u8(float low, float high, float* scale, std::int32_t* zero);

/// FakeQuantize's parameters for each index of the middle axis of a QuantizeShape.
struct FakeQuantize {
  const float* input_low = nullptr;
  const float* input_high = nullptr;
  const float* output_low = nullptr;
  const float* output_high = nullptr;
  std::int64_t levels = 256;
};

/// y = output_low for x <= min(input_low, input_high), output_high for x > max(...), else
/// round((x - input_low) / (input_high - input_low) * (levels - 1)) / (levels - 1) * (output_high - output_low) +
/// output_low, for units [first, last); y may be x.
void fake_quantize_f32(const QuantizeShape& shape, const FakeQuantize& f, const float* x, float* y, std::int64_t first,
                       std::int64_t last, Isa isa = max_isa());

}  // namespace oriel::kernels
