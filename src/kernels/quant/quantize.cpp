// Deals runs of quantisation to the level's kernels.
#include "kernels/quant/quantize.h"

#include <algorithm>
#include <cmath>

#include "kernels/quant/quantize_table.h"

namespace oriel::kernels {
namespace {

constexpr std::int64_t kRun = 4096;  // elements of one unit under one scale

const QuantizeTable& table_of(Isa isa) {
  if (isa == Isa::kScalar) return kQuantizeScalar;
  return isa == Isa::kAvx2 ? kQuantizeAvx2 : kQuantizeAvx512;
}

int index_of(ElementType type) {
  switch (type) {
    case ElementType::kU8:
      return 0;
    case ElementType::kI8:
      return 1;
    case ElementType::kU16:
      return 2;
    case ElementType::kI16:
      return 3;
    default:
      return 4;
  }
}

std::int64_t bytes_of(int index) { return index < 2 ? 1 : index < 4 ? 2 : 4; }

bool by_rows(const QuantizeShape& s) { return s.inner == 1 && s.axis > 1; }
std::int64_t runs_of(const QuantizeShape& s) { return (s.inner + kRun - 1) / kRun; }

/// Calls f(first element, index of the first parameter, step of the parameters, count) for each unit.
template <typename Function>
void each_unit(const QuantizeShape& s, std::int64_t first, std::int64_t last, Function f) {
  if (by_rows(s)) {
    for (std::int64_t u = first; u < last; ++u) f(u * s.axis, std::int64_t{0}, 1, s.axis);
    return;
  }
  const std::int64_t runs = runs_of(s);
  for (std::int64_t u = first; u < last; ++u) {
    const std::int64_t row = u / runs;
    const std::int64_t at = u % runs * kRun;
    f(row * s.inner + at, row % s.axis, 0, std::min(kRun, s.inner - at));
  }
}

}  // namespace

std::int64_t quantize_units(const QuantizeShape& s) {
  if (s.outer <= 0 || s.axis <= 0 || s.inner <= 0) return 0;
  return by_rows(s) ? s.outer : s.outer * s.axis * runs_of(s);
}

void quantize_f32(const QuantizeShape& shape, ElementType type, const float* x, const float* scales,
                  const std::int32_t* zeros, void* y, std::int64_t first, std::int64_t last, Isa isa) {
  const int index = index_of(type);
  if (index > 3) return;
  const auto fn = table_of(isa).quantize[index];
  each_unit(shape, first, last, [&](std::int64_t at, std::int64_t parameter, int step, std::int64_t n) {
    fn(x + at, scales + parameter, zeros != nullptr ? zeros + parameter : nullptr, step,
       static_cast<char*>(y) + at * bytes_of(index), n);
  });
}

void dequantize_f32(const QuantizeShape& shape, ElementType type, const void* x, const float* scales,
                    const std::int32_t* zeros, float* y, std::int64_t first, std::int64_t last, Isa isa) {
  const int index = index_of(type);
  const auto fn = table_of(isa).dequantize[index];
  each_unit(shape, first, last, [&](std::int64_t at, std::int64_t parameter, int step, std::int64_t n) {
    fn(static_cast<const char*>(x) + at * bytes_of(index), scales + parameter,
       zeros != nullptr ? zeros + parameter : nullptr, step, y + at, n);
  });
}

void qlinear_add(ElementType type, const void* a, int a_step, const void* b, int b_step, const QLinearAdd& f, void* c,
                 std::int64_t n, Isa isa) {
  table_of(isa).add[type == ElementType::kU8 ? 0 : 1](a, a_step, b, b_step, f, c, n);
}

void qlinear_mul(ElementType type, const void* a, int a_step, const void* b, int b_step, const QLinearMul& f, void* c,
                 std::int64_t n, Isa isa) {
  table_of(isa).mul[type == ElementType::kU8 ? 0 : 1](a, a_step, b, b_step, f, c, n);
}

void range_with_zero_f32(const float* x, std::int64_t n, float* low, float* high, Isa isa) {
  table_of(isa).range(x, n, low, high);
}

void dynamic_parameters_u8(float low, float high, float* scale, std::int32_t* zero) {
  *scale = (high - low) / 255.0f;
  *zero = *scale == 0.0f ? 0 : static_cast<std::int32_t>(std::nearbyint(std::clamp(-low / *scale, 0.0f, 255.0f)));
}

void fake_quantize_f32(const QuantizeShape& shape, const FakeQuantize& q, const float* x, float* y, std::int64_t first,
                       std::int64_t last, Isa isa) {
  const auto fn = table_of(isa).fake;
  each_unit(shape, first, last, [&](std::int64_t at, std::int64_t parameter, int step, std::int64_t n) {
    const float* ends[4] = {q.input_low + parameter, q.input_high + parameter, q.output_low + parameter,
                            q.output_high + parameter};
    fn(x + at, ends, step, static_cast<float>(q.levels - 1), y + at, n);
  });
}

}  // namespace oriel::kernels
