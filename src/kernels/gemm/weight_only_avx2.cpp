// Products with weights of few bits, AVX2.
#include "kernels/gemm/weight_only_table.h"
#include "kernels/simd/vec_avx2.h"

namespace oriel::kernels {
namespace {

ORIEL_SIMD_INLINE F nibbles_to_floats(const std::uint8_t* q, int which) {
  const I bytes = load_u8(q + which % 2 * 8);
  return cvt_f(which < 2 ? bit_and(bytes, set_i(15)) : shift_right<4>(bytes));
}

#include "kernels/gemm/weight_only.inc"
}  // namespace

ORIEL_WEIGHT_ONLY_TABLE(kWeightOnlyAvx2)

}  // namespace oriel::kernels
