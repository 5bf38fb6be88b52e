// Exact matrix products of 8-bit integers with zero points, to i32, scaled to f32 or requantised to 8 bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_features.h"
#include "kernels/activation.h"

namespace oriel::kernels {

enum class GemmI8Output : std::uint8_t { kI32, kF32, kU8, kS8 };

/// acc[m][n] = sum over k of (A[m][k] - a_zero[m]) (B[k][n] - b_zero[n]), `batch` times, in i32 without saturation.
struct GemmI8Problem {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t batch = 1;
  bool a_signed = false;
  bool b_signed = true;
  bool b_zero = false;  ///< whether B has zero points other than 0
  GemmI8Output output = GemmI8Output::kI32;
  bool packed_b = true;      ///< otherwise run() packs B panel by panel
  bool transpose_b = false;  ///< an unpacked B is stored [n][ldb]
  int threads = 1;
};

struct GemmI8Plan {
  GemmI8Problem problem;
  Isa isa = Isa::kScalar;
  std::int64_t units = 0;
  std::size_t scratch_bytes = 0;  ///< per thread, 64-byte aligned
  std::int64_t rows_per_unit = 0;
  std::int64_t panels_per_unit = 0;
  std::int64_t row_units = 0;
  std::int64_t panel_units = 0;
};

GemmI8Plan gemm_i8_plan(const GemmI8Problem& problem, Isa isa = max_isa());

/// Bytes of one packed B, its column sums included. Depends on n, k and the level alone.
std::size_t gemm_i8_packed_bytes(std::int64_t n, std::int64_t k, Isa isa = max_isa());
std::int64_t gemm_i8_panels(std::int64_t n, Isa isa = max_isa());

/// Packs panels [first, last) of B, stored [k][ldb] or [n][ldb] where transposed; `packed` is 64-byte aligned.
void gemm_i8_pack(const void* b, std::int64_t ldb, bool transposed, bool is_signed, std::int64_t n, std::int64_t k,
                  std::int64_t first, std::int64_t last, void* packed, Isa isa = max_isa());

/// Outputs: kI32: acc + bias. kF32: f((acc + bias) * scale + float_bias). kU8, kS8: round((acc + bias) * scale +
/// float_bias) to nearest even, plus output_zero, clamped to [output_low, output_high] (and the type). The scale of an
/// element is a_scale[m] * b_scale[n], computed in f32 first. Strides count elements; C must not overlap A or B.
/// With k = 0 the sum is zero.
struct GemmI8Operands {
  const void* a = nullptr;  ///< u8 or s8, [m][lda]
  std::int64_t lda = 0;
  std::int64_t a_stride = 0;  ///< between batch entries, as b_stride (bytes of a packed B) and c_stride
  const void* b = nullptr;
  std::int64_t ldb = 0;
  std::int64_t b_stride = 0;
  void* c = nullptr;
  std::int64_t ldc = 0;
  std::int64_t c_stride = 0;
  const std::int32_t* a_zero = nullptr;  ///< one, or m where a_zero_per_row; null for 0
  bool a_zero_per_row = false;
  const std::int32_t* b_zero = nullptr;  ///< one, or n where b_zero_per_column; null for 0
  bool b_zero_per_column = false;
  const float* a_scale = nullptr;  ///< one, or m where a_scale_per_row; null for 1
  bool a_scale_per_row = false;
  const float* b_scale = nullptr;  ///< one, or n where b_scale_per_column; null for 1
  bool b_scale_per_column = false;
  const std::int32_t* bias = nullptr;  ///< n values, or null
  const float* float_bias = nullptr;   ///< n values, or null
  Activation activation;               ///< kF32 only
  std::int32_t output_zero = 0;
  std::int32_t output_low = INT32_MIN;
  std::int32_t output_high = INT32_MAX;
};

/// Units [first, last), each thread with scratch of its own.
void gemm_i8_run(const GemmI8Plan& plan, const GemmI8Operands& operands, std::int64_t first, std::int64_t last,
                 void* scratch);

}  // namespace oriel::kernels
