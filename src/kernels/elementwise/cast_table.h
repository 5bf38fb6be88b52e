// What each level offers to conversions: those between f32 and narrow types.
#pragma once

#include <cstdint>

namespace oriel::kernels {

struct CastTable {
  void (*f16_to_f32)(const std::uint16_t* x, float* y, std::int64_t n);
  void (*f32_to_f16)(const float* x, std::uint16_t* y, std::int64_t n);
  void (*bf16_to_f32)(const std::uint16_t* x, float* y, std::int64_t n);
  void (*f32_to_bf16)(const float* x, std::uint16_t* y, std::int64_t n);
  void (*u8_to_f32)(const std::uint8_t* x, float* y, std::int64_t n);
  void (*s8_to_f32)(const std::int8_t* x, float* y, std::int64_t n);
  void (*i32_to_f32)(const std::int32_t* x, float* y, std::int64_t n);
  void (*f32_to_i32)(const float* x, std::int32_t* y, std::int64_t n);
  void (*i64_to_f32)(const std::int64_t* x, float* y, std::int64_t n);
  void (*i64_to_i32)(const std::int64_t* x, std::int32_t* y, std::int64_t n);
  void (*bool_to_f32)(const std::uint8_t* x, float* y, std::int64_t n);
  void (*f32_to_bool)(const float* x, std::uint8_t* y, std::int64_t n);
  /// The low byte of the whole part, while every |x| is below 2^31; returns how many elements it has converted.
  std::int64_t (*f32_to_byte)(const float* x, std::uint8_t* y, std::int64_t n);
};

extern const CastTable kCastScalar;
extern const CastTable kCastAvx2;
extern const CastTable kCastAvx512;

}  // namespace oriel::kernels
