// Functions of one byte by table.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"

namespace oriel::kernels {

/// y[i] = table[x[i]] for n bytes; the table has 256 entries, y may be x.
void map_bytes(const std::uint8_t* table, const void* x, void* y, std::int64_t n, Isa isa = max_isa());

/// y = saturate(round(softmax(x) / y_scale) + y_zero) over n bytes, as u8 or i8. powers[i] is exp(-i * x_scale).
struct ByteSoftmax {
  float powers[256];
  bool x_signed = false;
  bool y_signed = false;
  float y_scale = 1.0F;
  std::int32_t y_zero = 0;
};
void byte_softmax(const ByteSoftmax& f, const std::uint8_t* x, std::uint8_t* y, std::int64_t n, Isa isa = max_isa());

/// map_bytes by shuffles of whole vectors, for processors that has_byte_shuffles() is true of.
bool has_byte_shuffles();
void map_bytes_avx512(const std::uint8_t* table, const std::uint8_t* x, std::uint8_t* y, std::int64_t n);
void byte_softmax_avx512(const ByteSoftmax& f, const std::uint8_t* x, std::uint8_t* y, std::int64_t n);

}  // namespace oriel::kernels
