// Matrix products of bfloat16 pairs with f32 sums: tiles up to 14 x 32, 6 x 64 and 2 x 128.
#include "kernels/gemm/gemm_f32_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/gemm/gemm_finish.inc"

/// acc += a[2i] b[2i] + a[2i + 1] b[2i + 1] for each lane i. Clang 16 crashes on the intrinsic's bit casts.
ORIEL_SIMD_INLINE void add_products(F& acc, I a, I b) { __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b)); }

template <int kRows, int kVecs, int kPanels, bool kPrefetch>
ORIEL_SIMD_INLINE void multiply(const GemmF32Tile& t) {
  constexpr int kAll = kVecs * kPanels;
  constexpr int kWidth = kVecs * 16;
  F acc[kRows][kAll];
  ORIEL_UNROLL for (int m = 0; m < kRows; ++m) { ORIEL_UNROLL for (int v = 0; v < kAll; ++v) acc[m][v] = zero(); }
  const float* a = t.a;
  const float* b = t.b;
  const std::int64_t b_panel = t.b_panel;
  const auto step = [&](int w) __attribute__((always_inline)) {
    I bv[kAll];
    ORIEL_UNROLL for (int v = 0; v < kAll; ++v) {
      const float* from = b + (v / kVecs) * b_panel + w * kWidth + (v % kVecs) * 16;
      bv[v] = _mm512_loadu_si512(from);
      if constexpr (kRows <= 5 && kRows > 1) __asm__("" : "+v"(bv[v]));
      if constexpr (kPrefetch) prefetch(from + 2048);
    }
    ORIEL_UNROLL for (int m = 0; m < kRows; ++m) {
      const I x = bits(set(a[m * kGemmF32Block + w]));
      ORIEL_UNROLL for (int v = 0; v < kAll; ++v) add_products(acc[m][v], x, bv[v]);
    }
  };
  std::int64_t left = t.k;
  for (; left >= kGemmF32Block; left -= kGemmF32Block) {
#pragma GCC unroll 1
    for (int i = 0; i < kGemmF32Block / 4; ++i) {
      ORIEL_UNROLL for (int w = 0; w < 4; ++w) step(w);
      a += 4;
      b += 4 * kWidth;
    }
    a += (kRows - 1) * kGemmF32Block;
  }
#pragma GCC unroll 1
  for (; left > 0; --left) {
    step(0);
    a += 1;
    b += kWidth;
  }
  finish<kRows, kAll>(acc, t, t.columns);
}

template <int kRows, int kVecs, int kPanels>
void tile(const GemmF32Tile& t) {
  if constexpr (kVecs == 2) {
    if (t.prefetch) return multiply<kRows, kVecs, kPanels, true>(t);
  }
  multiply<kRows, kVecs, kPanels, false>(t);
}

/// 32 floats as 32 bfloat16 in order.
ORIEL_SIMD_INLINE I pairs_of(F low, F high) { return reinterpret_cast<I>(_mm512_cvtne2ps_pbh(high, low)); }

ORIEL_SIMD_INLINE int clamp_count(std::int64_t n) { return n < 0 ? 0 : n > 16 ? 16 : static_cast<int>(n); }

void pack_a(const float* a, std::int64_t lda, bool transposed, int rows, std::int64_t k, float* packed) {
  for (std::int64_t k0 = 0; k0 < k; k0 += 32) {
    float* to = packed + k0 / 2 * rows;
    const int low = clamp_count(k - k0);
    const int high = clamp_count(k - k0 - 16);
    if (!transposed) {
      for (int m = 0; m < rows; ++m) {
        const float* from = a + m * lda + k0;
        const F upper = high > 0 ? load_n(from + 16, high) : zero();
        store(to + m * 16, as_f(pairs_of(load_n(from, low), upper)));
      }
      continue;
    }
    F r[16];
    F s[16];
    ORIEL_UNROLL for (int j = 0; j < 16; ++j) {
      r[j] = j < low ? load_n(a + (k0 + j) * lda, rows) : zero();
      s[j] = j < high ? load_n(a + (k0 + 16 + j) * lda, rows) : zero();
    }
    transpose_lanes(r);
    transpose_lanes(s);
    ORIEL_UNROLL for (int m = 0; m < 16; ++m) {
      if (m < rows) store(to + m * 16, as_f(pairs_of(r[m], s[m])));
    }
  }
}

void pack_b(const float* b, std::int64_t ldb, bool transposed, std::int64_t k, int columns, int width, float* packed) {
  for (int j = 0; j < width; j += 16) {
    const int n = clamp_count(columns - j);
    if (!transposed) {
      for (std::int64_t i = 0; i < k; i += 2) {
        const float* from = b + i * ldb + j;
        const F even = load_n(from, n);
        const F odd = i + 1 < k ? load_n(from + ldb, n) : zero();
        // The pairs come out as [even 0..15, odd 0..15]: interleave them.
        const I both = pairs_of(even, odd);
        const I e = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
        const I o = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(both, 1));
        store(packed + i / 2 * width + j, as_f(bit_or(e, shift_left<16>(o))));
      }
      continue;
    }
    for (std::int64_t i = 0; i < k; i += 32) {
      const int low = clamp_count(k - i);
      const int high = clamp_count(k - i - 16);
      F r[16];
      ORIEL_UNROLL for (int c = 0; c < 16; ++c) {
        const float* from = b + (j + c) * ldb + i;
        r[c] = c < n ? as_f(pairs_of(load_n(from, low), high > 0 ? load_n(from + 16, high) : zero())) : zero();
      }
      transpose_lanes(r);
      const int words = static_cast<int>((k - i + 1) / 2 < 16 ? (k - i + 1) / 2 : 16);
      ORIEL_UNROLL for (int c = 0; c < 16; ++c) {
        if (c < words) store(packed + (i / 2 + c) * width + j, r[c]);
      }
    }
  }
}

ORIEL_SIMD_INLINE float dot(const float* a, const float* x, std::int64_t k) {
  F acc = zero();
  for (std::int64_t i = 0; i < k; i += 16) {
    const int n = clamp_count(k - i);
    acc = fma(load_n(a + i, n), load_n(x + i, n), acc);
  }
  return sum(acc);
}

void dot_rows(const float* a, std::int64_t lda, const float* x, std::int64_t rows, std::int64_t k, float* out) {
  for (std::int64_t m = 0; m < rows; ++m) out[m] = dot(a + m * lda, x, k);
}

#define ORIEL_ROWS(vecs)                                                                                               \
  {                                                                                                                    \
    tile<1, vecs, 1>, tile<2, vecs, 1>, tile<3, vecs, 1>, tile<4, vecs, 1>, tile<5, vecs, 1>, tile<6, vecs, 1>,        \
        tile<7, vecs, 1>, tile<8, vecs, 1>, tile<9, vecs, 1>, tile<10, vecs, 1>, tile<11, vecs, 1>, tile<12, vecs, 1>, \
        tile<13, vecs, 1>, tile<14, vecs, 1>                                                                           \
  }
#define ORIEL_WIDE2 \
  { tile<1, 2, 2>, tile<2, 2, 2>, tile<3, 2, 2>, tile<4, 2, 2>, tile<5, 2, 2>, tile<6, 2, 2> }
}  // namespace

const GemmF32Table kGemmBf16 = {
    .group = 2,
    .rows = 14,
    .panel = 32,
    .quantum = 16,
    .wide2_rows = 6,
    .wide4_rows = 2,
    .tiles = {{ORIEL_ROWS(1), ORIEL_ROWS(2)}, {ORIEL_ROWS(1), ORIEL_ROWS(2)}},
    .wide2 = {ORIEL_WIDE2, ORIEL_WIDE2},
    .wide4 = {{tile<1, 2, 4>, tile<2, 2, 4>}, {tile<1, 2, 4>, tile<2, 2, 4>}},
    .pack_a = pack_a,
    .pack_b = pack_b,
    .dot_rows = dot_rows,
    .activate = activate_matrix,
};

}  // namespace oriel::kernels
