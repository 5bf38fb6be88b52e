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

/// Pixels of 16 channels of an f32 input, rounded; zero outside the row.
ORIEL_INLINE void round_line(const DirectUnit& u, float* to, std::int64_t c, std::int64_t row, std::int64_t first,
                             std::int64_t step, std::int64_t count) {
  const std::int64_t size = u.axis[2].in_size;
  const std::int64_t rows = u.axis[0].in_size * u.axis[1].in_size;
  const Valid v = valid_pixels(row, first, step, count, size);
  const __m256i none = _mm256_setzero_si256();
  std::int64_t i = 0;
  for (; i < v.begin; ++i) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * 8), none);
  const auto* input = static_cast<const float*>(u.input);
  const std::int64_t from = ((c * rows + row) * size + first) * 16;
  for (; i + 1 < v.end; i += 2) {
    const __m512bh pair =
        _mm512_cvtne2ps_pbh(load(input + from + (i + 1) * step * 16), load(input + from + i * step * 16));
    _mm512_storeu_si512(to + i * 8, reinterpret_cast<__m512i>(pair));
  }
  if (i < v.end) {
    const __m256bh pixel = _mm512_cvtneps_pbh(load(input + from + i * step * 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * 8), reinterpret_cast<__m256i>(pixel));
    ++i;
  }
  for (; i < count; ++i) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * 8), none);
}

/// Pixels of 16 channels; zero outside the row.
ORIEL_INLINE void copy_line(const DirectUnit& u, float* to, std::int64_t c, std::int64_t row, std::int64_t first,
                            std::int64_t step, std::int64_t count) {
  if (u.input_element == ConvElement::kF32) return round_line(u, to, c, row, first, step, count);
  const std::int64_t size = u.axis[2].in_size;
  const std::int64_t rows = u.axis[0].in_size * u.axis[1].in_size;
  const Valid v = valid_pixels(row, first, step, count, size);
  const auto* input = static_cast<const std::uint16_t*>(u.input);
  for (std::int64_t i = 0; i < count; ++i) {
    __m256i pixel = _mm256_setzero_si256();
    if (i >= v.begin && i < v.end) {
      const std::int64_t column = first + i * step;
      if (u.plain_source) {
        alignas(32) std::uint16_t gathered[16] = {};
        const std::int64_t channels = u.in_channels - c * 16 < 16 ? u.in_channels - c * 16 : 16;
        for (std::int64_t l = 0; l < channels; ++l) gathered[l] = input[((c * 16 + l) * rows + row) * size + column];
        pixel = _mm256_load_si256(reinterpret_cast<const __m256i*>(gathered));
      } else {
        pixel = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(input + ((c * rows + row) * size + column) * 16));
      }
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * 8), pixel);
  }
}

// The second calls the first, whose name sorts behind it.
// clang-format off
#include "kernels/conv/pack_none.inc"
#include "kernels/conv/narrow_body.inc"
// clang-format on

}  // namespace

const NarrowKernels kBf16Bf16 = {run, tiles_for, 32, kMaxRows, 2, widen, integrate, finish, finish_floats};

}  // namespace oriel::kernels
