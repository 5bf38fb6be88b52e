// The soft cap, AVX-512.
#include "kernels/simd/vec_avx512.h"
#include "soft_cap_kernel_table.h"

namespace oriel::kernels {
namespace {
#include "soft_cap_kernel.inc"
}  // namespace

const SoftCapFunction kSoftCapAvx512 = soft_cap;

}  // namespace oriel::kernels
