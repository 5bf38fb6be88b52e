// What each level offers to quantisation: a run of elements, its parameters the same for all or one an element.
#pragma once

#include <cstdint>

#include "kernels/quant/quantize.h"

namespace oriel::kernels {

/// Types in the order u8, i8, u16, i16, then i32 for dequantisation. `step` is 0 for one scale and zero point, 1 for
/// one an element; zeros may be null.
struct QuantizeTable {
  void (*quantize[4])(const float* x, const float* scale, const std::int32_t* zero, int step, void* y, std::int64_t n);
  void (*dequantize[5])(const void* x, const float* scale, const std::int32_t* zero, int step, float* y,
                        std::int64_t n);
  /// u8 and i8; a step is 0 for one element for all, else 1.
  void (*add[2])(const void* a, int a_step, const void* b, int b_step, const QLinearAdd& f, void* c, std::int64_t n);
  void (*mul[2])(const void* a, int a_step, const void* b, int b_step, const QLinearMul& f, void* c, std::int64_t n);
  void (*range)(const float* x, std::int64_t n, float* low, float* high);
  /// ends: input low, input high, output low, output high.
  void (*fake)(const float* x, const float* const* ends, int step, float steps, float* y, std::int64_t n);
};

extern const QuantizeTable kQuantizeScalar;
extern const QuantizeTable kQuantizeAvx2;
extern const QuantizeTable kQuantizeAvx512;

}  // namespace oriel::kernels
