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
  for (std::int64_t i = 0; i < count; ++i) {
    __m128i pixel = outsides;
    if (i >= v.begin && i < v.end) {
      const std::int64_t column = first + i * step;
      if (u.plain_source) {
        alignas(16) std::uint8_t gathered[16] = {};
        const std::int64_t channels = u.in_channels - c * 16 < 16 ? u.in_channels - c * 16 : 16;
        for (std::int64_t l = 0; l < channels; ++l) gathered[l] = input[((c * 16 + l) * rows + row) * size + column];
        pixel = _mm_load_si128(reinterpret_cast<const __m128i*>(gathered));
      } else {
        pixel = _mm_loadu_si128(reinterpret_cast<const __m128i*>(input + ((c * rows + row) * size + column) * 16));
      }
      pixel = _mm_xor_si128(pixel, flips);
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * 16), pixel);
  }
}

#include "kernels/conv/narrow_body.inc"

}  // namespace

const NarrowKernels kInt8Vnni = {run, tiles_for, 32, kMaxRows, 4, widen, integrate, finish};

}  // namespace oriel::kernels
