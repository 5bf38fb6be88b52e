// 8-bit depthwise convolution for AVX-512 VNNI: words hold four neighbouring taps of a row for one channel each, so
// that a row of up to four taps is one product. Signed inputs are moved to unsigned ones, by 128, on their way into the
// band.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_avx512.h"
#include "kernels/depthwise/depthwise.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/pack_avx512.inc"

constexpr int kPixels = 4;
constexpr int kMostRows = 4;

ORIEL_INLINE void dot(I& acc, I a, I b) { __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b)); }

/// Four neighbouring pixels of 16 channels as 16 words of four pixels.
ORIEL_INLINE I load_taps(const std::uint8_t* p) {
  const I pixels = _mm512_loadu_si512(p);
  const I by_quarter =
      _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), pixels);
  const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_shuffle_epi8(by_quarter, _mm512_broadcast_i32x4(order));
}

/// The input rows that the unit reads, with the zero point around the image.
void fill_band(const DepthwiseBytesUnit& u) {
  const I flips = _mm512_set1_epi8(static_cast<char>(u.input_flip));
  const I outside = _mm512_set1_epi8(static_cast<char>(u.outside));
  const std::int64_t line = u.band_width * 16;
  const auto fill = [&](std::uint8_t* to, std::int64_t bytes) {
    std::int64_t i = 0;
    for (; i + 64 <= bytes; i += 64) _mm512_storeu_si512(to + i, outside);
    for (; i < bytes; i += 16) _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm512_castsi512_si128(outside));
  };
  for (std::int64_t row = 0; row < u.band_rows; ++row) {
    std::uint8_t* to = u.band + row * line;
    const std::int64_t y = u.first_row + row;
    const Valid v = valid_pixels(y >= 0 && y < u.in_rows ? y : -1, -u.pad_left, 1, u.band_width, u.in_width);
    fill(to, v.begin * 16);
    const std::uint8_t* from = u.input + (y * u.in_width + v.begin - u.pad_left) * 16;
    const std::int64_t bytes = (v.end - v.begin) * 16;
    std::uint8_t* inner = to + v.begin * 16;
    std::int64_t i = 0;
    for (; i + 64 <= bytes; i += 64) {
      _mm512_storeu_si512(inner + i, _mm512_xor_si512(_mm512_loadu_si512(from + i), flips));
    }
    for (; i < bytes; i += 16) {
      const __m128i pixel = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(inner + i), _mm_xor_si128(pixel, _mm512_castsi512_si128(flips)));
    }
    fill(to + v.end * 16, (u.band_width - v.end) * 16);
  }
}

/// The sums of kRows rows of kPixels outputs: as integers where the packing is null, else as bytes, the first `count`
/// pixels of each row.
template <int kRows>
ORIEL_INLINE void leave(const DepthwiseBytesUnit& u, const I (&acc)[kRows][kPixels], std::int64_t row, std::int64_t x,
                        std::int64_t count, const BytePacking* packing) {
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const std::int64_t at = ((row + r) * u.width + x) * 16;
    if (packing == nullptr) {
#pragma GCC unroll 4
      for (int m = 0; m < kPixels; ++m) {
        if (m < count) _mm512_storeu_si512(u.sums + at + m * 16, acc[r][m]);
      }
      continue;
    }
    const BytePacking& p = *packing;
    F steps[kPixels];
#pragma GCC unroll 4
    for (int m = 0; m < kPixels; ++m) steps[m] = fma(cvt_f(acc[r][m]), p.scale, p.offset);
    if (p.join != Join::kNothing) {
      const auto* residual = static_cast<const std::uint8_t*>(u.end.residual) + u.to + at;
#pragma GCC unroll 4
      for (int m = 0; m < kPixels; ++m) {
        const std::uint8_t* own = residual + (m < count ? m : count - 1) * 16;
        steps[m] = p.join == Join::kAdd ? to_steps<Join::kAdd>(p, steps[m], own)
                                        : to_steps<Join::kRoundAndAdd>(p, steps[m], own);
      }
    }
    I q[kPixels];
#pragma GCC unroll 4
    for (int m = 0; m < kPixels; ++m) q[m] = _mm512_cvtps_epi32(steps[m]);
    store_four(static_cast<std::uint8_t*>(u.end.output) + u.to + at, q, p, count);
  }
}

/// kRows rows of outputs from `row` on. kTaps rows of kQuads words each, kStride rows apart; rows of taps lie side by
/// side.
template <int kTaps, int kQuads, int kStride, int kRows>
__attribute__((noinline)) void byte_rows(const DepthwiseBytesUnit& u, std::int64_t row, const BytePacking* packing) {
  I w[kTaps * kQuads];
#pragma GCC unroll 16
  for (int k = 0; k < kTaps * kQuads; ++k) w[k] = _mm512_loadu_si512(u.weights + k * 16);
  const I bias = _mm512_loadu_si512(u.bias);
  const std::int64_t line = u.band_width * 16;
  for (std::int64_t x = 0; x < u.width; x += kPixels) {
    I acc[kRows][kPixels];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int m = 0; m < kPixels; ++m) acc[r][m] = bias;
    }
    const std::uint8_t* from = u.band + row * kStride * line + x * u.stride_x * 16;
#pragma GCC unroll 16
    for (int i = 0; i < (kRows - 1) * kStride + kTaps; ++i) {
#pragma GCC unroll 4
      for (int m = 0; m < kPixels; ++m) {
#pragma GCC unroll 2
        for (int q = 0; q < kQuads; ++q) {
          const I taps = load_taps(from + i * line + (m * u.stride_x + q * 4) * 16);
#pragma GCC unroll 4
          for (int r = 0; r < kRows; ++r) {
            const int k = i - r * kStride;
            if (k >= 0 && k < kTaps) dot(acc[r][m], taps, w[k * kQuads + q]);
          }
        }
      }
    }
    leave<kRows>(u, acc, row, x, u.width - x < kPixels ? u.width - x : kPixels, packing);
  }
}

/// One row of outputs for any kernel.
void any_row(const DepthwiseBytesUnit& u, std::int64_t row, const BytePacking* packing) {
  const I bias = _mm512_loadu_si512(u.bias);
  const std::int64_t line = u.band_width * 16;
  for (std::int64_t x = 0; x < u.width; x += kPixels) {
    I acc[1][kPixels] = {{bias, bias, bias, bias}};
    for (std::int64_t k = 0; k < u.taps; ++k) {
      const std::uint8_t* from = u.band + (row * u.stride_y + k * u.dilation_y) * line + x * u.stride_x * 16;
      for (std::int64_t q = 0; q < u.quads; ++q) {
        const I w = _mm512_loadu_si512(u.weights + (k * u.quads + q) * 16);
#pragma GCC unroll 4
        for (int m = 0; m < kPixels; ++m) dot(acc[0][m], load_taps(from + (m * u.stride_x + q * 4) * 16), w);
      }
    }
    leave<1>(u, acc, row, x, u.width - x < kPixels ? u.width - x : kPixels, packing);
  }
}

using ByteRows = void (*)(const DepthwiseBytesUnit& u, std::int64_t row, const BytePacking* packing);

/// [rows - 1]
struct RowSet {
  ByteRows of[kMostRows];
};

template <int kTaps, int kQuads, int kStride>
constexpr RowSet make_rows() {
  return {{byte_rows<kTaps, kQuads, kStride, 1>, byte_rows<kTaps, kQuads, kStride, 2>,
           byte_rows<kTaps, kQuads, kStride, 3>, byte_rows<kTaps, kQuads, kStride, 4>}};
}

constexpr RowSet k3s1 = make_rows<3, 1, 1>();
constexpr RowSet k3s2 = make_rows<3, 1, 2>();
constexpr RowSet k5s1 = make_rows<5, 2, 1>();
constexpr RowSet k5s2 = make_rows<5, 2, 2>();

const RowSet* rows_for(const DepthwiseBytesUnit& u) {
  if (u.dilation_y != 1 || u.stride_y > 2) return nullptr;
  if (u.taps == 3 && u.quads == 1) return u.stride_y == 1 ? &k3s1 : &k3s2;
  if (u.taps == 5 && u.quads == 2) return u.stride_y == 1 ? &k5s1 : &k5s2;
  return nullptr;
}

bool run_bytes(const DepthwiseBytesUnit& u) {
  fill_band(u);
  BytePacking packing;
  const bool packed = fill_packings(u.end, 0, 16, &packing);
  const RowSet* set = rows_for(u);
  for (std::int64_t row = 0; row < u.rows;) {
    const std::int64_t pieces = (u.rows - row + kMostRows - 1) / kMostRows;
    const std::int64_t count = set == nullptr ? 1 : (u.rows - row + pieces - 1) / pieces;
    (set == nullptr ? any_row : set->of[count - 1])(u, row, packed ? &packing : nullptr);
    row += count;
  }
  return packed;
}

}  // namespace

const DepthwiseBytesRun kDepthwiseVnni = run_bytes;

}  // namespace oriel::kernels
