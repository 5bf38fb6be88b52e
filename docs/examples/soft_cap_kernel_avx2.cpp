// The soft cap, AVX2.
#include "kernels/simd/vec_avx2.h"
#include "soft_cap_kernel_table.h"

namespace oriel::kernels {
namespace {
#include "soft_cap_kernel.inc"
}  // namespace

const SoftCapFunction kSoftCapAvx2 = soft_cap;

}  // namespace oriel::kernels
