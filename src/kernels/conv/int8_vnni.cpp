// 8-bit direct convolution for AVX-512 VNNI: unsigned inputs by signed weights, four channels a word. Signed inputs are
// moved to unsigned ones, by 128, on their way into the band; the packed bias makes up for that and for the zero point.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_avx512.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

using Acc = I;
using Word = I;
constexpr int kPixelWords = 4;
constexpr int kVectorsWide = 2;
constexpr int kMaxRows = 14;

ORIEL_INLINE Word load_word(const float* p) { return bits(load(p)); }
ORIEL_INLINE Word splat_word(const float* p) { return bits(set(*p)); }
ORIEL_INLINE Acc load_acc(const float* p) { return bits(load(p)); }
ORIEL_INLINE void store_acc(float* p, Acc x) { store(p, as_f(x)); }
ORIEL_INLINE F to_float(Acc x) { return cvt_f(x); }
ORIEL_INLINE void dot(Acc& acc, Word a, Word b) { __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b)); }

ORIEL_INLINE void store_bytes(std::uint8_t* to, F x, std::int32_t zero_point) {
  const I q = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(zero_point));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(q));
}

/// Four channels of 16 neighbouring pixels of plain planes, each pixel alone in 16 bytes; `step` is 1 or 2.
ORIEL_INLINE void spread_plain(const std::uint8_t* const (&planes)[4], std::int64_t column, std::int64_t step,
                               __m512i flips, std::uint8_t* to) {
  __m128i c[4];
#pragma GCC unroll 4
  for (int l = 0; l < 4; ++l) {
    c[l] = _mm_setzero_si128();
    if (planes[l] == nullptr) continue;
    const std::uint8_t* p = planes[l] + column;
    c[l] = step == 1 ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(p))
                     : _mm256_cvtepi16_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  const __m128i pairs[4] = {_mm_unpacklo_epi8(c[0], c[1]), _mm_unpackhi_epi8(c[0], c[1]), _mm_unpacklo_epi8(c[2], c[3]),
                            _mm_unpackhi_epi8(c[2], c[3])};
  const __m128i words[4] = {_mm_unpacklo_epi16(pairs[0], pairs[2]), _mm_unpackhi_epi16(pairs[0], pairs[2]),
                            _mm_unpacklo_epi16(pairs[1], pairs[3]), _mm_unpackhi_epi16(pairs[1], pairs[3])};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i spread = _mm512_maskz_expand_epi32(0x1111, _mm512_castsi128_si512(words[i]));
    _mm512_storeu_si512(to + i * 64, _mm512_xor_si512(spread, flips));
  }
}

/// Pixels [begin, end) of a plain row from column `first` on, up to 16 channels of it.
ORIEL_INLINE void copy_plain(const std::uint8_t* input, std::int64_t plane, std::int64_t channels, std::int64_t first,
                             std::int64_t step, std::int64_t size, const Valid& v, __m128i flips, std::uint8_t* out) {
  std::int64_t i = v.begin;
  if (channels <= 4 && step <= 2) {
    const std::uint8_t* planes[4];
    for (std::int64_t l = 0; l < 4; ++l) planes[l] = l < channels ? input + l * plane : nullptr;
    // The last pixel's load stays inside the row.
    for (; i + 16 <= v.end && first + (i + 15) * step + step <= size; i += 16) {
      spread_plain(planes, first + i * step, step, _mm512_broadcast_i32x4(flips), out + i * 16);
    }
  }
  for (; i < v.end; ++i) {
    const std::uint8_t* from = input + first + i * step;
    std::uint32_t words[4] = {};
    for (std::int64_t l = 0; l < channels; ++l)
      words[l / 4] |= static_cast<std::uint32_t>(from[l * plane]) << l % 4 * 8;
    const __m128i pixel = _mm_setr_epi32(static_cast<int>(words[0]), static_cast<int>(words[1]),
                                         static_cast<int>(words[2]), static_cast<int>(words[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 16), _mm_xor_si128(pixel, flips));
  }
}

/// Pixels of 16 bytes; outside the row they hold the zero point.
ORIEL_INLINE void copy_line(const DirectUnit& u, float* to, std::int64_t c, std::int64_t row, std::int64_t first,
                            std::int64_t step, std::int64_t count) {
  const std::int64_t size = u.axis[2].in_size;
  const std::int64_t rows = u.axis[0].in_size * u.axis[1].in_size;
  const Valid v = valid_pixels(row, first, step, count, size);
  const std::uint8_t flip = u.input_element == ConvElement::kS8 ? 0x80 : 0;
  const auto outside = static_cast<std::uint8_t>(static_cast<std::uint8_t>(u.input_zero) ^ flip);
  auto* out = reinterpret_cast<std::uint8_t*>(to);
  const auto* input = static_cast<const std::uint8_t*>(u.input);
  const __m128i flips = _mm_set1_epi8(static_cast<char>(flip));
  const __m128i outsides = _mm_set1_epi8(static_cast<char>(outside));
  for (std::int64_t i = 0; i < v.begin; ++i) _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 16), outsides);
  if (u.plain_source && v.begin < v.end) {
    const std::int64_t channels = u.in_channels - c * 16 < 16 ? u.in_channels - c * 16 : 16;
    copy_plain(input + (c * 16 * rows + row) * size, rows * size, channels, first, step, size, v, flips, out);
  } else if (v.begin < v.end) {
    const std::uint8_t* from = input + ((c * rows + row) * size + first) * 16;
    std::int64_t i = v.begin;
    if (step == 1) {
      const __m512i wide = _mm512_broadcast_i32x4(flips);
      for (; i + 4 <= v.end; i += 4) {
        _mm512_storeu_si512(out + i * 16, _mm512_xor_si512(_mm512_loadu_si512(from + i * 16), wide));
      }
    }
    for (; i < v.end; ++i) {
      const __m128i pixel = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * step * 16));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 16), _mm_xor_si128(pixel, flips));
    }
  }
  for (std::int64_t i = v.end; i < count; ++i) _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 16), outsides);
}

// Each calls the ones before.
// clang-format off
#include "kernels/conv/pack_avx512.inc"
#include "kernels/conv/pack_tile_avx512.inc"
#include "kernels/conv/narrow_body.inc"
// clang-format on

}  // namespace

const NarrowKernels kInt8Vnni = {run, tiles_for, 32, kMaxRows, 4, widen, integrate, finish, finish_floats};

}  // namespace oriel::kernels
