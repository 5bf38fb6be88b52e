// 8-bit matrix products for AVX-512 VNNI: tiles up to 14 x 32 of exact u8 x s8 dot products of four.
#include "kernels/gemm/gemm_i8_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {
#include "kernels/gemm/gemm_i8_finish.inc"

#define ORIEL_UNROLL _Pragma("GCC unroll 32")

template <int kRows, int kVecs, bool kPrefetch>
ORIEL_SIMD_INLINE void multiply(const GemmI8Tile& t) {
  I acc[kRows][kVecs];
  ORIEL_UNROLL for (int m = 0; m < kRows; ++m) {
    ORIEL_UNROLL for (int v = 0; v < kVecs; ++v) acc[m][v] = _mm512_setzero_si512();
  }
  const std::uint32_t* a = t.a;
  const std::uint32_t* b = t.b;
  const auto step = [&](int w) __attribute__((always_inline)) {
    I bv[kVecs];
    ORIEL_UNROLL for (int v = 0; v < kVecs; ++v) {
      bv[v] = _mm512_loadu_si512(b + (w * kVecs + v) * 16);
      if constexpr (kPrefetch) prefetch(b + (w * kVecs + v) * 16 + 2048);
    }
    ORIEL_UNROLL for (int m = 0; m < kRows; ++m) {
      const I x = _mm512_set1_epi32(static_cast<int>(a[m * 16 + w]));
      // The intrinsic makes this compiler copy and spill the accumulators.
      ORIEL_UNROLL for (int v = 0; v < kVecs; ++v) __asm__("vpdpbusd %2,%1,%0" : "+v"(acc[m][v]) : "v"(x), "v"(bv[v]));
    }
  };
  std::int64_t left = t.words;
  for (; left >= 16; left -= 16) {
#pragma GCC unroll 1
    for (int i = 0; i < 4; ++i) {
      ORIEL_UNROLL for (int w = 0; w < 4; ++w) step(w);
      a += 4;
      b += 4 * kVecs * 16;
    }
    a += (kRows - 1) * 16;
  }
#pragma GCC unroll 1
  for (; left > 0; --left) {
    step(0);
    a += 1;
    b += kVecs * 16;
  }
  ORIEL_UNROLL for (int m = 0; m < kRows; ++m) {
    ORIEL_UNROLL for (int v = 0; v < kVecs; ++v) _mm512_storeu_si512(t.c + (m * kVecs + v) * 16, acc[m][v]);
  }
}

template <int kRows, int kVecs>
void tile(const GemmI8Tile& t) {
  if constexpr (kVecs == 2) {
    if (t.prefetch) return multiply<kRows, kVecs, true>(t);
  }
  multiply<kRows, kVecs, false>(t);
}

void pack_a(const std::uint8_t* a, std::int64_t lda, bool is_signed, int rows, std::int64_t k, std::uint32_t* packed,
            std::int32_t* sums) {
  const I flip = _mm512_set1_epi8(is_signed ? static_cast<char>(0x80) : 0);
  const I ones = _mm512_set1_epi8(1);
  for (int m = 0; m < rows; ++m) {
    I total = _mm512_setzero_si512();
    for (std::int64_t k0 = 0; k0 < k; k0 += 64) {
      const std::int64_t n = k - k0 < 64 ? k - k0 : 64;
      const __mmask64 mask = n == 64 ? ~0ULL : (1ULL << n) - 1;
      const I raw = _mm512_maskz_loadu_epi8(mask, a + m * lda + k0);
      const I x = _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(raw, flip));
      // The rows of a block lie 64 bytes apart.
      _mm512_storeu_si512(packed + k0 / 64 * rows * 16 + m * 16, x);
      if (sums != nullptr) __asm__("vpdpbusd %2,%1,%0" : "+v"(total) : "v"(x), "v"(ones));
    }
    if (sums != nullptr) {
      std::int32_t lanes[16];
      _mm512_storeu_si512(lanes, total);
      std::int32_t s = 0;
      for (const std::int32_t lane : lanes) s += lane;
      sums[m] = s;
    }
  }
}

#define ORIEL_ROWS(vecs)                                                                                             \
  {                                                                                                                  \
    tile<1, vecs>, tile<2, vecs>, tile<3, vecs>, tile<4, vecs>, tile<5, vecs>, tile<6, vecs>, tile<7, vecs>,         \
        tile<8, vecs>, tile<9, vecs>, tile<10, vecs>, tile<11, vecs>, tile<12, vecs>, tile<13, vecs>, tile<14, vecs> \
  }
}  // namespace

const GemmI8Table kGemmI8Vnni = {
    .rows = 14,
    .panel = 32,
    .quantum = 16,
    .group = 4,
    .tiles = {ORIEL_ROWS(1), ORIEL_ROWS(2)},
    .pack_a = pack_a,
    .to_i32 = finish_i32,
    .to_f32 = finish_f32,
    .to_u8 = finish_u8,
    .to_s8 = finish_s8,
};

}  // namespace oriel::kernels
