// Products with weights of few bits, AVX-512: a permute turns sixteen nibbles into floats at once.
#include "kernels/gemm/weight_only_table.h"
#include "kernels/simd/vec_avx512.h"

namespace oriel::kernels {
namespace {

ORIEL_SIMD_INLINE F nibbles_to_floats(const std::uint8_t* q, int which) {
  // The permute looks at the low four bits of a lane alone.
  const F values = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const I bytes = load_u8(q);
  return _mm512_permutexvar_ps(which == 0 ? bytes : shift_right<4>(bytes), values);
}

#include "kernels/gemm/weight_only.inc"
}  // namespace

ORIEL_WEIGHT_ONLY_TABLE(kWeightOnlyAvx512)

}  // namespace oriel::kernels
