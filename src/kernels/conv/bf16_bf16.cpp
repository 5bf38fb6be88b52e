// bf16 direct convolution with f32 accumulators, by AVX-512 BF16's dot products of pairs.
#include "kernels/conv/direct.h"
#include "kernels/conv/lanes_avx512.h"

namespace oriel::kernels {
namespace {

#include "kernels/conv/activate.inc"

using Acc = F;
using Word = I;
constexpr int kPixelWords = 8;
constexpr int kVectorsWide = 2;
constexpr int kMaxRows = 14;

ORIEL_INLINE Word load_word(const float* p) { return bits(load(p)); }
ORIEL_INLINE Word splat_word(const float* p) { return bits(set(*p)); }
ORIEL_INLINE Acc load_acc(const float* p) { return load(p); }
ORIEL_INLINE void store_acc(float* p, Acc x) { store(p, x); }
ORIEL_INLINE F to_float(Acc x) { return x; }
ORIEL_INLINE void dot(Acc& acc, Word a, Word b) { __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b)); }

ORIEL_INLINE void store_bytes(std::uint8_t* to, F x, std::int32_t zero_point) {
  const I q = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(zero_point));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(q));
}

ORIEL_INLINE void store_pixel(float* to, F x) { store_bf16(reinterpret_cast<std::uint16_t*>(to), x); }

ORIEL_INLINE void clear_pixels(float* to, std::int64_t first, std::int64_t last) {
  for (std::int64_t i = first; i < last; ++i)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * kPixelWords), _mm256_setzero_si256());
}

/// Pixels of 16 channels of a blocked input that is rounded, or multiplied by factors; zero outside the row.
template <bool kWide, bool kScaled>
ORIEL_INLINE void round_line(const DirectUnit& u, float* to, std::int64_t c, std::int64_t row, std::int64_t first,
                             std::int64_t step, std::int64_t count) {
  const std::int64_t size = u.axis[2].in_size;
  const std::int64_t rows = u.axis[0].in_size * u.axis[1].in_size;
  const Valid v = valid_pixels(row, first, step, count, size);
  const std::int64_t from = ((c * rows + row) * size + first) * 16;
  F factor = set(1.0F);
  if constexpr (kScaled) factor = load(u.input_scale + c * 16);
  const auto pixel = [&](std::int64_t i) __attribute__((always_inline)) {
    const std::int64_t at = from + i * step * 16;
    F x;
    if constexpr (kWide) {
      x = load(static_cast<const float*>(u.input) + at);
    } else {
      x = load_bf16(static_cast<const std::uint16_t*>(u.input) + at);
    }
    if constexpr (kScaled) x = _mm512_mul_ps(x, factor);
    return x;
  };
  clear_pixels(to, 0, v.begin);
  std::int64_t i = v.begin;
  for (; i + 1 < v.end; i += 2) {
    const __m512bh pair = _mm512_cvtne2ps_pbh(pixel(i + 1), pixel(i));
    _mm512_storeu_si512(to + i * kPixelWords, reinterpret_cast<__m512i>(pair));
  }
  if (i < v.end) store_pixel(to + i * kPixelWords, pixel(i));
  clear_pixels(to, v.end, count);
}

/// kStep times 16 floats from p on, of which every kStep-th counts; zeros behind `count` of those.
template <int kStep>
ORIEL_INLINE F load_spread(const float* p, std::int64_t count) {
  const auto mask = [](std::int64_t n) { return static_cast<__mmask16>(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1); };
  if constexpr (kStep == 1) {
    return _mm512_maskz_loadu_ps(mask(count), p);
  } else {
    const std::int64_t floats = 2 * count - 1;
    const F low = _mm512_maskz_loadu_ps(mask(floats), p);
    const F high = _mm512_maskz_loadu_ps(mask(floats - 16), p + 16);
    const I even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(low, even, high);
  }
}

/// Words of channels (2 w, 2 w + 1) of the valid pixels of a plain f32 input, 16 pixels at a time.
template <int kStep>
ORIEL_INLINE void gather_pairs(const float* even, const float* odd, float* to, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; i += 16) {
    const std::int64_t n = end - i < 16 ? end - i : 16;
    const F a = load_spread<kStep>(even + i * kStep, n);
    const F b = odd != nullptr ? load_spread<kStep>(odd + i * kStep, n) : zero();
    const I halves = reinterpret_cast<I>(_mm512_cvtne2ps_pbh(b, a));
    const I low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(halves));
    const I high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(halves, 1));
    alignas(64) float words[16];
    store(words, as_f(bit_or(low, _mm512_slli_epi32(high, 16))));
    for (std::int64_t j = 0; j < n; ++j) to[(i + j) * kPixelWords] = words[j];
  }
}

/// Pixels of a plain input: the words of its channels; zero outside the row, and in words that are read beyond them.
ORIEL_INLINE void gather_line(const DirectUnit& u, float* to, std::int64_t c, std::int64_t row, std::int64_t first,
                              std::int64_t step, std::int64_t count) {
  const std::int64_t size = u.axis[2].in_size;
  const std::int64_t plane = u.axis[0].in_size * u.axis[1].in_size * size;
  const Valid v = valid_pixels(row, first, step, count, size);
  const std::int64_t channels = u.in_channels - c * 16 < 16 ? u.in_channels - c * 16 : 16;
  const std::int64_t from = c * 16 * plane + row * size + first;
  clear_pixels(to, 0, v.begin);
  clear_pixels(to, v.end, count);
  for (std::int64_t w = 0; w < (channels + 1) / 2; ++w) {
    if (u.input_element == ConvElement::kF32 && step <= 2) {
      const float* even = static_cast<const float*>(u.input) + from + 2 * w * plane;
      const float* odd = 2 * w + 1 < channels ? even + plane : nullptr;
      step == 1 ? gather_pairs<1>(even, odd, to + w, v.begin, v.end)
                : gather_pairs<2>(even, odd, to + w, v.begin, v.end);
      continue;
    }
    for (std::int64_t i = v.begin; i < v.end; ++i) {
      alignas(4) std::uint16_t pair[2] = {0, 0};
      for (std::int64_t l = 2 * w; l < 2 * w + 2 && l < channels; ++l) {
        const std::int64_t at = from + i * step + l * plane;
        if (u.input_element == ConvElement::kF32) {
          const __m128bh half = _mm_cvtneps_pbh(_mm_set_ss(static_cast<const float*>(u.input)[at]));
          pair[l % 2] = static_cast<std::uint16_t>(_mm_cvtsi128_si32(reinterpret_cast<__m128i>(half)));
        } else {
          pair[l % 2] = static_cast<const std::uint16_t*>(u.input)[at];
        }
      }
      __builtin_memcpy(to + i * kPixelWords + w, pair, 4);
    }
  }
}

/// Pixels of 16 channels; zero outside the row.
ORIEL_INLINE void copy_line(const DirectUnit& u, float* to, std::int64_t c, std::int64_t row, std::int64_t first,
                            std::int64_t step, std::int64_t count) {
  if (u.plain_source) return gather_line(u, to, c, row, first, step, count);
  const bool scaled = u.input_scale != nullptr;
  if (u.input_element == ConvElement::kF32) {
    return scaled ? round_line<true, true>(u, to, c, row, first, step, count)
                  : round_line<true, false>(u, to, c, row, first, step, count);
  }
  if (scaled) return round_line<false, true>(u, to, c, row, first, step, count);
  const std::int64_t size = u.axis[2].in_size;
  const std::int64_t rows = u.axis[0].in_size * u.axis[1].in_size;
  const Valid v = valid_pixels(row, first, step, count, size);
  const auto* input = static_cast<const std::uint16_t*>(u.input) + ((c * rows + row) * size + first) * 16;
  clear_pixels(to, 0, v.begin);
  for (std::int64_t i = v.begin; i < v.end; ++i) {
    const __m256i pixel = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(input + i * step * 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * kPixelWords), pixel);
  }
  clear_pixels(to, v.end, count);
}

// The second calls the first, whose name sorts behind it.
// clang-format off
#include "kernels/conv/pack_none.inc"
#include "kernels/conv/narrow_body.inc"
// clang-format on

}  // namespace

const NarrowKernels kBf16Bf16 = {run, tiles_for, 32, kMaxRows, 2, widen, integrate, finish, finish_floats};

}  // namespace oriel::kernels
