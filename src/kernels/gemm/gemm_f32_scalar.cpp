// The f32 matrix product in portable C++: tiles up to 4 x 8 over the compiler's generic vectors of four floats.
#include "kernels/gemm/gemm_f32_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {

#include "kernels/simd/activation.inc"

// A vocabulary of its own, four lanes wide, that hides the one of one lane.
namespace quad {

using F = float __attribute__((vector_size(16)));
using H = F;
constexpr int kLanes = 4;

ORIEL_SIMD_INLINE F set(float x) { return F{x, x, x, x}; }
ORIEL_SIMD_INLINE F zero() { return F{0.0f, 0.0f, 0.0f, 0.0f}; }
ORIEL_SIMD_INLINE F load(const float* p) {
  F out;
  __builtin_memcpy(&out, p, sizeof(out));
  return out;
}
ORIEL_SIMD_INLINE F load_n(const float* p, int n) {
  F out = zero();
  for (int i = 0; i < n; ++i) out[i] = p[i];
  return out;
}
ORIEL_SIMD_INLINE void store(float* p, F x) { __builtin_memcpy(p, &x, sizeof(x)); }
ORIEL_SIMD_INLINE void store_n(float* p, F x, int n) {
  for (int i = 0; i < n; ++i) p[i] = x[i];
}
ORIEL_SIMD_INLINE F fma(F a, F b, F c) { return a * b + c; }
ORIEL_SIMD_INLINE F min(F a, F b) { return a < b ? a : b; }
ORIEL_SIMD_INLINE F max(F a, F b) { return a > b ? a : b; }
ORIEL_SIMD_INLINE float sum(F a) { return (a[0] + a[2]) + (a[1] + a[3]); }
ORIEL_SIMD_INLINE void transpose_lanes(F (&r)[kLanes]) {
  for (int i = 0; i < kLanes; ++i) {
    for (int j = 0; j < i; ++j) {
      const float x = r[i][j];
      r[i][j] = r[j][i];
      r[j][i] = x;
    }
  }
}
[[maybe_unused]] ORIEL_SIMD_INLINE H load_half(const float* p) { return load(p); }
ORIEL_SIMD_INLINE H set_half(float x) { return set(x); }
[[maybe_unused]] ORIEL_SIMD_INLINE F widen(H a) { return a; }

#include "kernels/gemm/gemm_f32.inc"

#define ORIEL_ROWS(vecs, packed)                                                                             \
  {                                                                                                          \
    quad::tile<1, vecs, 0, 1, packed>, quad::tile<2, vecs, 0, 1, packed>, quad::tile<3, vecs, 0, 1, packed>, \
        quad::tile<4, vecs, 0, 1, packed>                                                                    \
  }
}  // namespace quad
}  // namespace

const GemmF32Table kGemmF32Scalar = {
    .group = 1,
    .rows = 4,
    .panel = 8,
    .quantum = 4,
    .wide2_rows = 0,
    .wide4_rows = 0,
    .tiles = {{ORIEL_ROWS(1, false), ORIEL_ROWS(2, false)}, {ORIEL_ROWS(1, true), ORIEL_ROWS(2, true)}},
    .wide2 = {},
    .wide4 = {},
    .pack_a = quad::pack_a,
    .pack_b = quad::pack_b,
    .dot_rows = quad::dot_rows,
    .activate = quad::activate_matrix,
};

}  // namespace oriel::kernels
