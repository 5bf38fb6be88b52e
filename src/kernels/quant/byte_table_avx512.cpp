// Table look-ups of 64 bytes at a time: two shuffles over half the table each, which needs AVX512_VBMI, no level of its
// own. Softmax of a row, 16 bytes at a time.
#include <immintrin.h>

#include "kernels/quant/byte_table.h"

// GCC 12 warns about the deliberately undefined operands inside its own intrinsics.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

namespace oriel::kernels {

__attribute__((target("avx512vbmi"))) void map_bytes_avx512(const std::uint8_t* table, const std::uint8_t* x,
                                                            std::uint8_t* y, std::int64_t n) {
  __m512i part[4];
  for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(table + 64 * i);
  for (std::int64_t i = 0; i < n; i += 64) {
    const __mmask64 mask = n - i >= 64 ? ~0ULL : (1ULL << (n - i)) - 1;
    const __m512i index = _mm512_maskz_loadu_epi8(mask, x + i);
    const __m512i low = _mm512_permutex2var_epi8(part[0], index, part[1]);
    const __m512i high = _mm512_permutex2var_epi8(part[2], index, part[3]);
    _mm512_mask_storeu_epi8(y + i, mask, _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high));
  }
}

void byte_softmax_avx512(const ByteSoftmax& f, const std::uint8_t* x, std::uint8_t* y, std::int64_t n) {
  const __m128i flip = _mm_set1_epi8(f.x_signed ? static_cast<char>(0x80) : 0);
  const auto lanes_at = [&](std::int64_t i) {
    return static_cast<__mmask16>(n - i >= 16 ? 0xffff : (1U << (n - i)) - 1U);
  };
  // Unsigned; zero behind the end.
  const auto bytes_at = [&](std::int64_t i) {
    return _mm_maskz_mov_epi8(lanes_at(i), _mm_xor_si128(_mm_maskz_loadu_epi8(lanes_at(i), x + i), flip));
  };
  __m128i most = _mm_setzero_si128();
  for (std::int64_t i = 0; i < n; i += 16) most = _mm_max_epu8(most, bytes_at(i));
  const __m512i largest = _mm512_set1_epi32(_mm512_reduce_max_epi32(_mm512_cvtepu8_epi32(most)));
  // exp(-(16 k + j) s) = exp(-16 k s) exp(-j s); a permutation looks at the low four bits of an index.
  const __m512 fine = _mm512_loadu_ps(f.powers);
  const __m512 coarse = _mm512_i32gather_ps(
      _mm512_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240), f.powers, 4);
  const auto power_at = [&](std::int64_t i) {
    const __m512i below = _mm512_sub_epi32(largest, _mm512_cvtepu8_epi32(bytes_at(i)));
    return _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(below, 4), coarse),
                         _mm512_permutexvar_ps(below, fine));
  };
  double sum = 0.0;
  for (std::int64_t begin = 0; begin < n; begin += 4096) {
    __m512 part = _mm512_setzero_ps();
    const std::int64_t end = n - begin < 4096 ? n : begin + 4096;
    for (std::int64_t i = begin; i < end; i += 16)
      part = _mm512_add_ps(part, _mm512_maskz_mov_ps(lanes_at(i), power_at(i)));
    sum += static_cast<double>(_mm512_reduce_add_ps(part));
  }
  const __m512 factor = _mm512_set1_ps(static_cast<float>(1.0 / (sum * static_cast<double>(f.y_scale))));
  const __m512i zero = _mm512_set1_epi32(f.y_zero);
  const __m512i low = _mm512_set1_epi32(f.y_signed ? -128 : 0);
  const __m512i high = _mm512_set1_epi32(f.y_signed ? 127 : 255);
  for (std::int64_t i = 0; i < n; i += 16) {
    const __m512 v = _mm512_min_ps(_mm512_mul_ps(power_at(i), factor), _mm512_set1_ps(1024.0F));
    const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(v), zero);
    const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_min_epi32(high, _mm512_max_epi32(low, q)));
    _mm_mask_storeu_epi8(y + i, lanes_at(i), bytes);
  }
}

}  // namespace oriel::kernels
