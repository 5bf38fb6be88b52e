// Table look-ups of 64 bytes at a time: two shuffles over half the table each. Needs AVX512_VBMI, which is no level of
// its own.
#include <immintrin.h>

#include "kernels/quant/byte_table.h"

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

}  // namespace oriel::kernels
