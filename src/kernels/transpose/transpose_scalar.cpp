// Transposes on SSE2, which every x86-64 has: squares of 16 bytes, 8 shorts, 4 words or 2 long words.
#include <emmintrin.h>

#include <cstring>

#include "kernels/transpose/transpose_table.h"

namespace oriel::kernels {
namespace {

__m128i load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
void store(void* p, __m128i x) { _mm_storeu_si128(static_cast<__m128i*>(p), x); }

/// Interleaves r[i] with r[i + kRows / 2]: kRows = lanes of them, log2(lanes) times, transpose the square.
template <int kBytes, int kRows>
inline __attribute__((always_inline)) void shuffle_round(__m128i (&r)[kRows]) {
  __m128i t[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows / 2; ++i) {
    if constexpr (kBytes == 1) {
      t[2 * i] = _mm_unpacklo_epi8(r[i], r[i + kRows / 2]);
      t[2 * i + 1] = _mm_unpackhi_epi8(r[i], r[i + kRows / 2]);
    } else if constexpr (kBytes == 2) {
      t[2 * i] = _mm_unpacklo_epi16(r[i], r[i + kRows / 2]);
      t[2 * i + 1] = _mm_unpackhi_epi16(r[i], r[i + kRows / 2]);
    } else if constexpr (kBytes == 4) {
      t[2 * i] = _mm_unpacklo_epi32(r[i], r[i + kRows / 2]);
      t[2 * i + 1] = _mm_unpackhi_epi32(r[i], r[i + kRows / 2]);
    } else {
      t[2 * i] = _mm_unpacklo_epi64(r[i], r[i + kRows / 2]);
      t[2 * i + 1] = _mm_unpackhi_epi64(r[i], r[i + kRows / 2]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) r[i] = t[i];
}

template <typename T>
inline __attribute__((always_inline)) void transpose_square(const T* x, std::int64_t from, T* y, std::int64_t to) {
  constexpr int kRows = 16 / static_cast<int>(sizeof(T));
  __m128i r[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) r[i] = load(x + i * from);
#pragma GCC unroll 4
  for (int round = 1; round < kRows; round *= 2) shuffle_round<static_cast<int>(sizeof(T))>(r);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) store(y + i * to, r[i]);
}

template <typename T>
inline __attribute__((always_inline)) void transpose(const T* x, std::int64_t from, T* y, std::int64_t to,
                                                     std::int64_t np, std::int64_t nq) {
  constexpr std::int64_t kRows = 16 / static_cast<int>(sizeof(T));
  // Four squares side by side fill a cache line of y.
  constexpr std::int64_t kGroup = 4 * kRows;
  for (std::int64_t p = 0; p < np; p += kGroup) {
    const std::int64_t p_end = p + kGroup < np ? p + kGroup : np;
    const std::int64_t squares = (p_end - p) / kRows;
    std::int64_t q = 0;
    for (; q + kRows <= nq; q += kRows) {
      for (std::int64_t i = 0; i < squares; ++i) {
        transpose_square(x + (p + i * kRows) * from + q, from, y + q * to + p + i * kRows, to);
      }
    }
    for (std::int64_t j = 0; j < nq; ++j) {
      for (std::int64_t i = j < q ? p + squares * kRows : p; i < p_end; ++i) {
        // Weights of a mapped file lie anywhere.
        std::memcpy(y + j * to + i, x + i * from + j, sizeof(T));
      }
    }
  }
}

void transpose_4(const std::uint32_t* x, std::int64_t from, std::uint32_t* y, std::int64_t to, std::int64_t np,
                 std::int64_t nq) {
  transpose(x, from, y, to, np, nq);
}

}  // namespace

void transpose_1(const std::uint8_t* x, std::int64_t from, std::uint8_t* y, std::int64_t to, std::int64_t np,
                 std::int64_t nq) {
  transpose(x, from, y, to, np, nq);
}

void transpose_2(const std::uint16_t* x, std::int64_t from, std::uint16_t* y, std::int64_t to, std::int64_t np,
                 std::int64_t nq) {
  transpose(x, from, y, to, np, nq);
}

void transpose_8(const std::uint64_t* x, std::int64_t from, std::uint64_t* y, std::int64_t to, std::int64_t np,
                 std::int64_t nq) {
  transpose(x, from, y, to, np, nq);
}

const TransposeTable kTransposeScalar = {.four_bytes = transpose_4, .interleaved_bytes = nullptr};

}  // namespace oriel::kernels
