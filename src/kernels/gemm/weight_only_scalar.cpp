// Products with weights of few bits in portable C++.
#include "kernels/gemm/weight_only_table.h"
#include "kernels/simd/vec_scalar.h"

namespace oriel::kernels {
namespace {

ORIEL_SIMD_INLINE F nibbles_to_floats(const std::uint8_t* q, int which) {
  return static_cast<float>(which < 16 ? q[which] & 15 : q[which - 16] >> 4);
}

#include "kernels/gemm/weight_only.inc"
}  // namespace

ORIEL_WEIGHT_ONLY_TABLE(kWeightOnlyScalar)

}  // namespace oriel::kernels
